import Catalog
import History
import KeyVault
import Model
import Postgres
import Sodium

extension Ingestor {
  /// Everything a batch needs before its transaction: numbers, keys, sealed payloads.
  func prepare(_ batch: IngestBatch) async throws -> PreparedBatch {
    let now = now()
    let named = NamedOnes(batch.items, repeated: try await repeatedDescriptions(batch.items))
    let interned = try await directory.intern(
      subjects: named.subjects, conversations: named.conversations, at: now)
    var prepared = PreparedBatch(
      tenant: directory.tenant.id, source: directory.hasher.hash("source", batch.source),
      position: batch.position,
      now: now, vault: vault)
    let rejecter = Rejecter(ingestor: self, source: batch.source, now: now)
    for line in batch.rejected { prepared.reject(rejecter.row(line, subject: nil, withheld: false)) }
    var steps: [Step] = []
    for item in batch.items {
      switch step(item, interned, now) {
      case .success(let step): steps.append(step)
      case .failure(let refusal):
        let line = RejectedLine(line: item.line, raw: item.raw, code: refusal.code, detail: refusal.detail)
        prepared.reject(rejecter.row(line, subject: refusal.subject, withheld: refusal.withheld))
      }
    }
    let lanes = try await vault.lanes(Set(steps.compactMap(\.lane)), creating: true)
    prepared.lanes = lanes
    for step in steps { try prepared.add(step, lanes: lanes, groups: settings.groups, rejecter: rejecter) }
    for item in batch.items where item.senderJoins { prepared.noteSender(of: item, interned) }
    prepared.notices = try await draft(steps, at: now)
    prepared.names = NameChange.all(of: batch.items, interned, directory)
    prepared.changed = (interned.changedSubjects, interned.changedConversations)
    return prepared
  }

  /// Lines that describe people or conversations and came before, by the ids of their events: they may be out of date
  /// by now.
  private func repeatedDescriptions(_ items: [IngestItem]) async throws -> Set<Int64> {
    var lines: [MessageKey: Int64] = [:]
    var repeated: Set<Int64> = []
    for item in items where item.event.isDescription {
      guard let key = eventKey(item) else { continue }
      if lines[key] == nil { lines[key] = item.line } else { repeated.insert(item.line) }
    }
    guard !lines.isEmpty else { return repeated }
    let keys = Array(lines.keys)
    let known = try await database.read { tx in try Sources.known(keys, in: tx) }
    return repeated.union(known.compactMap { lines[$0] })
  }

  private func eventKey(_ item: IngestItem) -> MessageKey? {
    item.eventID.map { directory.hasher.messageKey("event\u{0}" + $0) }
  }

  /// What clients are told of messages that may be deleted by this batch: a message's deletion can have come before it.
  private func draft(_ steps: [Step], at now: Timestamp) async throws -> DeletionNotices.Draft? {
    guard let notices else { return nil }
    var names: [MessageKey: DeletionNotices.Name] = [:]
    for step in steps {
      guard let key = step.key, let message = step.item.event.messageID,
        let conversation = step.item.event.conversationID
      else { continue }
      names[key] = DeletionNotices.Name(conversation: conversation, message: message)
    }
    return names.isEmpty ? nil : try await notices.draft(names: names, at: now)
  }

  /// An item with its numbers filled in.
  struct Step: Sendable {
    let item: IngestItem
    let key: MessageKey?
    let conversation: ConversationRow?
    let subject: SubjectID?
    let eventKey: MessageKey?
    /// The lane that seals what the step stores.
    let lane: LaneID?
    let digest: Int64
    /// Keyed number of a reaction's name.
    let reactionVersion: Int64
  }

  struct Refusal: Error {
    let code: String
    let detail: String
    var subject: SubjectID?
    var withheld = false
  }

  private func step(_ item: IngestItem, _ interned: Directory.Interned, _ now: Timestamp) -> Result<
    Step, Refusal
  > {
    let event = item.event
    let subject = event.subjectID.flatMap { interned.subjects[$0] }
    if event.subjectID != nil, subject == nil {
      // An erased person's late event: not even the raw line is kept.
      return .failure(Refusal(code: "subject_erased", detail: "the subject was erased", withheld: true))
    }
    let conversation = event.conversationID.flatMap { interned.conversations[$0] }
    if let id = event.conversationID {
      guard let conversation else {
        return .failure(Refusal(code: "conversation_gone", detail: "the conversation was erased"))
      }
      guard conversation.hash == directory.hasher.hash("conversation", id) else {
        return .failure(Refusal(code: "route_collision", detail: "another conversation has this route key"))
      }
    }
    if let time = event.laneTime, !(Self.timeMin...now.adding(seconds: Self.aheadSecondsMax)).contains(time) {
      return .failure(
        Refusal(
          code: "bad_time", detail: "the time is before 1990 or more than a year ahead", subject: subject))
    }
    var lane: LaneID?
    if let conversation, let subject, let time = event.laneTime {
      lane = LaneID(
        tenant: directory.tenant.id, subject: subject, conversation: conversation.id,
        period: Period(containing: time))
    }
    let hasher = directory.hasher
    return .success(
      Step(
        item: item, key: event.messageID.map { hasher.messageKey($0) }, conversation: conversation,
        subject: subject,
        eventKey: eventKey(item), lane: lane,
        digest: event.digestText.map { hasher.number("digest", $0) } ?? 0,
        reactionVersion: event.reactionName.map { hasher.number("reaction", $0) } ?? 0))
  }

  private static let timeMin = Timestamp(civil: 1990, 1, 1)
  private static let aheadSecondsMax: Int64 = 366 * 86_400
}

/// The people and conversations a batch names, with what it says of them, if not for the second time.
private struct NamedOnes {
  var subjects: [String: SubjectProfile] = [:]
  var conversations: [String: ConversationDraft] = [:]

  init(_ items: [IngestItem], repeated: Set<Int64>) {
    for item in items {
      let isNew = !repeated.contains(item.line)
      if let id = item.event.subjectID {
        var profile = SubjectProfile(id: id, displayName: item.senderName)
        if isNew, case .userUpserted(let user) = item.event {
          profile.displayName = user.displayName
          profile.email = user.email
        }
        subjects[id] = subjects[id]?.updated(with: profile) ?? profile
      }
      if let id = item.event.conversationID {
        var draft = conversations[id] ?? ConversationDraft(ConversationProfile(id: id))
        draft.profile.name = item.conversationName ?? draft.profile.name
        if isNew, case .conversationUpserted(let upsert) = item.event {
          draft.describe(upsert)
        }
        conversations[id] = draft
      }
    }
  }
}

/// Makes the rows of what is set aside.
struct Rejecter: Sendable {
  let ingestor: Ingestor
  let source: String
  let now: Timestamp

  /// The row's number follows from source, line, code and content, so that a repetition adds nothing.
  func row(_ line: RejectedLine, subject: SubjectID?, withheld: Bool) -> SetAsideRow {
    let directory = ingestor.directory
    let content = BLAKE2b.hash(line.raw).hex
    let id = directory.hasher.number(
      "set-aside", "\(source)\u{0}\(line.line)\u{0}\(line.code)\u{0}\(content)")
    return SetAsideRow(
      id: id, tenant: directory.tenant.id, arrivedAt: now,
      expiresAt: now.adding(seconds: ingestor.settings.setAsideSeconds), line: line.line, code: line.code,
      detail: line.detail, subject: subject,
      sealed: withheld
        ? nil
        : SetAsideSeal(vault: ingestor.vault, tenant: directory.tenant.id).seal(source, line.raw, id: id))
  }
}
