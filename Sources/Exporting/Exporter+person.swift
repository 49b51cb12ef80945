import AuditLog
import Catalog
import Governance
import History
import KeyVault
import Model
import Postgres

/// What somebody did to a message of somebody else.
struct ExportedReaction: Sendable {
  /// The platform's id.
  let message: String
  let change: HistoricChange
  let by: SubjectProfile
}

/// What only the package of a person for that person has.
extension Exporter {
  private static let reactedPerPage = 500

  /// Reactions of the person to others' messages of a conversation that can still be read.
  func reactions(in card: ConversationCard, _ writing: ExportWriting) async throws {
    guard let person = writing.person else { return }
    let all = try await reacted(by: person, writing)
    let keys = all[card.conversation] ?? []
    let profile = try await directory.profiles([person])[person]
    for start in stride(from: 0, to: keys.count, by: Self.reactedPerPage) {
      let part = keys[start..<min(start + Self.reactedPerPage, keys.count)]
      let read = try await history.readable(part.map(\.place))
      if !read.damaged.isEmpty {
        let times = read.damaged.map(\.position.createdAt).sorted()
        state(
          [MessageSource.Gap(first: times[0], last: times[times.count - 1], messages: times.count)], card,
          writing)
      }
      let messages = read.messages.sorted { $0.position < $1.position }
      let reactions = messages.flatMap { message in
        message.changes.compactMap { change -> ExportedReaction? in
          guard change.author == person, change.kind == .reaction, let profile,
            writing.selection.covers(change.removedAt ?? change.at)
          else { return nil }
          return ExportedReaction(message: message.original.messageID, change: change, by: profile)
        }
      }
      for format in writing.formats where !reactions.isEmpty { try await format.add(reactions) }
    }
  }

  private func reacted(by person: SubjectID, _ writing: ExportWriting) async throws
    -> [ConversationID: [Locator]]
  {
    if let known = writing.reacted { return known }
    let tenant = tenant.id
    let keys = try await database.read { tx in
      try Amendments.messages(changedBy: person, in: tx).map(\.key)
    }
    var located: [Locator] = []
    for start in stride(from: 0, to: keys.count, by: Self.reactedPerPage) {
      let part = Array(keys[start..<min(start + Self.reactedPerPage, keys.count)])
      located += try await database.read { tx in try Locators.find(part, in: tx) }.values
    }
    let others = located.filter { $0.sender != person && $0.state == .live && $0.tenant == tenant }
    let found = Dictionary(grouping: others.sorted { $0.position < $1.position }, by: \.conversation)
    writing.reacted = found
    return found
  }

  /// The rules in force that decide how long the person's messages are kept. Rules for others are not told, nor which
  /// of the person's conversations has one of its own.
  func policies(_ writing: ExportWriting) async throws {
    guard let person = writing.person else { return }
    let (tenant, now) = (tenant.id, now())
    let (set, events) = try await database.read { tx in
      (
        try Policies.sets(tenant: tenant, in: tx).last { $0.effectiveAt <= now },
        try RetentionEvents.find([.subject(person)], tenant: tenant, in: tx)
      )
    }
    let document = try set.map { try PolicyDocument(json: $0.document) } ?? PolicyDocument()
    let places = try await conversations(of: person)
    var json = JSONWriter()
    json.array { json in
      for entry in document.policies {
        guard let scope = Self.words(for: entry.scope, person, places) else { continue }
        json.object { json in
          json.member("name", entry.name)
          json.member("applies_to", scope)
          json.member("kept_at_least", entry.retain?.description)
          json.member("deleted_after", entry.deleteAfter?.description)
          json.member("counted_from", entry.clock.name)
          if case .event(let name) = entry.clock {
            json.member("event", name)
            json.member("event_at", events.first { $0.event == name }?.happenedAt?.rfc3339)
          }
        }
      }
    }
    json.endLine()
    try await writing.draft.write(json.bytes, to: DSARFormat.folder + "/policies.json", listed: true)
  }

  /// What the audit log says about the person up to `time`: when, what was done and to what, not by whom.
  func auditEntries(upTo time: Timestamp, _ writing: ExportWriting) async throws {
    guard let person = writing.person, let profile = try await directory.profiles([person])[person] else {
      return
    }
    let (hash, tenant, audit) = (directory.hasher.hash("subject", profile.id), tenant.id, audit)
    var entries: [RecordedEntry] = []
    var after: Int64? = -1
    while let index = after {
      let page = try await database.read { tx in
        try audit.entries(about: hash, tenant: tenant, after: index, limit: Self.entriesPerPage, in: tx)
      }
      entries += page.entries.filter { $0.appendedAt <= time }
      after = page.last
    }
    var json = JSONWriter()
    json.array { json in
      for entry in entries {
        guard let deed = entry.deed else { continue }
        json.object { json in
          json.member("entry", entry.index)
          json.member("at", entry.appendedAt.rfc3339)
          json.member("action", deed.action)
          json.member("object", deed.object)
        }
      }
    }
    json.endLine()
    try await writing.draft.write(json.bytes, to: DSARFormat.folder + "/audit.json", listed: true)
  }

  private static let entriesPerPage = 1_000

  /// Stored scopes have numbers where people's have ids.
  private static func words(
    for scope: PolicyDocument.Scope, _ person: SubjectID, _ places: Set<ConversationID>
  ) -> String? {
    switch scope {
    case .tenant: "all messages"
    case .conversationKind(let kind): "messages in conversations of kind \(kind.rawValue)"
    case .subject(let id): Int64(id) == person.rawValue ? "your messages" : nil
    case .label(let name): "messages that carry the label \(name), if any of yours do"
    case .conversation(let id):
      Int64(id).map { places.contains(ConversationID(rawValue: $0)) } == true
        ? "messages in one of your conversations" : nil
    }
  }

  private func conversations(of person: SubjectID) async throws -> Set<ConversationID> {
    let filter = ExportFilter(tenant: tenant.id, sender: person)
    var places: Set<ConversationID> = []
    var cursor: ConversationID?
    while true {
      let after = cursor
      let page = try await database.read { tx in
        try Exports.conversations(filter, after: after, limit: 1_000, in: tx)
      }
      guard let last = page.last else { return places }
      places.formUnion(page)
      cursor = last
    }
  }
}

extension ExportSelection {
  func covers(_ time: Timestamp) -> Bool {
    (from.map { $0 <= time } ?? true) && (to.map { time < $0 } ?? true)
  }
}
