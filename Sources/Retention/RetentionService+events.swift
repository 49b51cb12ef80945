import AuditLog
package import Catalog
import Governance
import History
import KeyVault
package import Model
import Postgres
import Sodium

/// What or whom an event happened to, by the platform's ids.
package enum EventTarget: Hashable, Sendable {
  case conversation(String)
  /// The author of messages.
  case subject(String)
}

/// An event that policies may count from, for showing.
package struct EventView: Hashable, Sendable {
  package let row: EventRow
  /// The platform's id; of both, one is there as long as its key is.
  package let conversation: String?
  package let subject: String?
}

extension RetentionService {
  /// Puts on record when an event happened, or will; stated again, that it was at another time, or not at all. What
  /// policies delete by it goes after the grace at the earliest.
  /// - Parameter time: `nil`: it is withdrawn.
  /// - Throws: `RetentionError.invalidEvent`, `.unknownConversation` or `.unknownSubject`; `.lockedPolicy` where a
  ///   locked policy counts from the event and would end earlier.
  package func stateEvent(
    _ event: String, of target: EventTarget, at time: Timestamp?, justification: String, actor: String
  ) async throws -> EventView {
    let (tenant, now, audit) = (tenant, now(), audit)
    let new = try await newEvent(event, of: target, at: time, justification, now)
    let row = try await database.transaction { tx in
      try Tenants.lockGovernance(tenant, exclusive: true, in: tx)
      let hash = try Self.pin(new.owner, tenant: tenant, in: tx)
      let known = try Self.known(new, tenant: tenant, in: tx)
      if known?.happenedAt == time { return known ?? new }
      try Self.check(time, after: known, try Self.policies(of: tenant, in: tx), at: now)
      try RetentionEvents.set(new, tenant: tenant, in: tx)
      var entry = AuditEntry(
        tenant: tenant, actor: actor, action: time == nil ? "event.withdrawn" : "event.recorded", object: "",
        details: [
          "event": event, "at": time?.rfc3339 ?? "", "before": known?.happenedAt?.rfc3339 ?? "",
        ], personal: ["justification": justification])
      switch target {
      case .conversation(let id): (entry.object, entry.personal["conversation"]) = ("conversation", id)
      case .subject(let id): (entry.object, entry.personal["subject"]) = ("subject", id)
      }
      if let hash { entry.mentions = [.init(hash, part: "subject")] }
      try audit.append([entry], at: now, in: tx)
      return new
    }
    switch target {
    case .conversation(let id): return EventView(row: row, conversation: id, subject: nil)
    case .subject(let id): return EventView(row: row, conversation: nil, subject: id)
    }
  }

  /// What ``stateEvent(_:of:at:justification:actor:)`` would come to, and everything it refuses; nothing is stored.
  package func previewEvent(
    _ event: String, of target: EventTarget, at time: Timestamp?, justification: String
  ) async throws -> StatementPreview {
    let (tenant, now) = (tenant, now())
    let new = try await newEvent(event, of: target, at: time, justification, now)
    try await database.transaction { tx in
      _ = try Self.pin(new.owner, tenant: tenant, in: tx)
      let known = try Self.known(new, tenant: tenant, in: tx)
      try Self.check(time, after: known, try Self.policies(of: tenant, in: tx), at: now)
    }
    return try await preview(.event(new))
  }

  private func newEvent(
    _ event: String, of target: EventTarget, at time: Timestamp?, _ justification: String, _ now: Timestamp
  ) async throws -> EventRow {
    guard PolicyDocument.isName(event) else {
      throw RetentionError(.invalidEvent, "event: \(PolicyDocument.nameRule)")
    }
    try Self.check(justification, .invalidEvent)
    return EventRow(
      id: Randomness.identifier(), owner: try await owner(target), event: event, happenedAt: time,
      statedAt: now, settlesAt: now.adding(seconds: graceSeconds))
  }

  private static func known(_ new: EventRow, tenant: TenantID, in tx: borrowing Transaction) throws
    -> EventRow?
  {
    try RetentionEvents.find([new.owner], tenant: tenant, in: tx).first { $0.event == new.event }
  }

  /// In the order of their ids, without what was withdrawn.
  /// - Parameter event: only those of that name.
  package func events(_ event: String? = nil, after cursor: Int64 = .min, limit: Int = 1_000) async throws
    -> [EventView]
  {
    let tenant = tenant
    let rows = try await database.transaction { tx in
      try RetentionEvents.list(event, tenant: tenant, after: cursor, limit: limit, in: tx)
    }
    let cards = try await directory.cards(
      Set(rows.compactMap { if case .conversation(_, let id) = $0.owner { id } else { nil } }))
    let profiles = try await directory.profiles(
      Set(rows.compactMap { if case .subject(let id) = $0.owner { id } else { nil } }))
    return rows.map { row in
      switch row.owner {
      case .conversation(_, let id):
        EventView(row: row, conversation: cards[id]?.profile.id, subject: nil)
      case .subject(let id): EventView(row: row, conversation: nil, subject: profiles[id]?.id)
      }
    }
  }

  private func owner(_ target: EventTarget) async throws -> EventOwner {
    switch target {
    case .conversation(let id):
      let card = try await knownConversation(id)
      return .conversation(card.route, card.conversation)
    case .subject(let id):
      guard let subject = try await directory.subject(id) else {
        throw RetentionError(.unknownSubject, "no subject \"\(id)\" is known")
      }
      return .subject(subject)
    }
  }

  /// Refuses whom or what is erased; returns the hash a person is known by.
  private static func pin(
    _ owner: EventOwner, tenant: TenantID, in tx: borrowing Transaction
  ) throws -> [UInt8]? {
    switch owner {
    case .conversation(_, let id):
      guard try KeyVault.exist([.conversation(tenant, id)], in: tx) else {
        throw RetentionError(.unknownConversation, "the conversation was erased")
      }
      return nil
    case .subject(let id):
      guard try Subjects.pin([id], tenant: tenant, in: tx),
        let row = try Subjects.find([id], tenant: tenant, in: tx).first
      else { throw RetentionError(.erasedSubject, "the subject was erased, or is being erased") }
      return row.hash
    }
  }

  /// What a locked policy counts from can only be moved to later, as the policy itself can only be lengthened.
  private static func check(
    _ time: Timestamp?, after known: EventRow?, _ history: PolicyHistory, at now: Timestamp
  ) throws(RetentionError) {
    guard let known, let before = known.happenedAt, time.map({ $0 < before }) ?? true else { return }
    let locked = (history.inForce(at: now) + history.inForce(at: .latest)).first {
      $0.locked && $0.clock == .event(known.event)
    }
    guard let locked else { return }
    throw RetentionError(
      .lockedPolicy,
      "locked policy \(locked.id) counts from \(known.event), which can only be moved to later")
  }
}
