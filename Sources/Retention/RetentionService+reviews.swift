import AuditLog
package import Catalog
import Governance
import History
import KeyVault
import Model
import Postgres
import Sodium

/// A group of the review queue, for showing.
package struct ReviewView: Sendable {
  package let row: ReviewRow
  /// The platform's id; `nil` once the conversation's key is gone.
  package let conversation: String?
  package let justification: String?
}

extension RetentionService {
  private static let textBytesMax = 4_096

  static func check(_ justification: String, _ code: RetentionError.Code) throws(RetentionError) {
    guard (1...textBytesMax).contains(justification.utf8.count) else {
      throw RetentionError(code, "justification: 1 to \(textBytesMax) bytes")
    }
  }

  /// The groups that wait to be decided about or approved, or all.
  package func reviews(open: Bool = true, after cursor: Int64 = .min, limit: Int = 1_000) async throws
    -> [ReviewView]
  {
    let tenant = tenant
    let rows = try await database.transaction { tx in
      try Reviews.list(tenant: tenant, open: open, after: cursor, limit: limit, in: tx)
    }
    return try await views(rows)
  }

  package func review(_ id: Int64) async throws -> ReviewView {
    let tenant = tenant
    let row = try await database.transaction { tx in try Reviews.find(id, in: tx) }
    guard let row, row.tenant == tenant, let view = try await views([row]).first else {
      throw RetentionError(.unknownReview, "no review \(Handle.text("review", id)) is known")
    }
    return view
  }

  /// Decides about a group. Nothing is deleted by that: the next run of retention does, asking holds and floors again.
  package func decide(
    _ id: Int64, _ decision: ReviewRow.Decision, justification: String, actor: String
  ) async throws -> ReviewView {
    try Self.check(justification, .invalidReview)
    let row = try await review(id).row
    let (tenant, now, audit) = (tenant, now(), audit)
    try await check(decision, at: now)
    let owner = KeyOwner.conversation(tenant, row.group.conversation)
    guard let key = try await vault.keys([owner], creating: false)[owner] else {
      throw RetentionError(
        .unknownReview, "the conversation's key is destroyed: there is nothing left to decide")
    }
    let sealed = AEAD.seal(Array(justification.utf8), key: Self.derived(key), additional: Self.additional(id))
    let state: ReviewRow.State = directory.tenant.secondPerson ? .proposed : .decided
    let hash = actorHash(actor)
    try await database.transaction { tx in
      guard let row = try Reviews.find(id, locking: true, in: tx), row.state != .done else {
        throw RetentionError(.reviewDone, "this review is done with")
      }
      try Reviews.decide(
        id, decision, state: state, by: hash, justification: sealed, at: now, in: tx)
      let entry = AuditEntry(
        tenant: tenant, actor: actor, action: "review.\(state == .proposed ? "proposed" : "decided")",
        object: Handle.text("review", id), details: Self.details(row, decision),
        personal: ["justification": justification])
      try audit.append([entry], at: now, in: tx)
    }
    return try await review(id)
  }

  /// A second person agrees.
  package func approveReview(_ id: Int64, actor: String) async throws -> ReviewView {
    _ = try await review(id)
    let (tenant, now, audit, hash) = (tenant, now(), audit, actorHash(actor))
    let secondPerson = directory.tenant.secondPerson
    try await database.transaction { tx in
      guard let row = try Reviews.find(id, locking: true, in: tx), row.state == .proposed,
        let decision = row.decision
      else {
        throw RetentionError(.reviewDone, "nothing is proposed that could be approved")
      }
      guard !secondPerson || row.deciderHash != hash else {
        throw RetentionError(.samePerson, "the approver must be another person than the one who decided")
      }
      try Reviews.approve(id, by: hash, at: now, in: tx)
      let entry = AuditEntry(
        tenant: tenant, actor: actor, action: "review.approved", object: Handle.text("review", id),
        details: Self.details(row, decision))
      try audit.append([entry], at: now, in: tx)
    }
    return try await review(id)
  }

  private func check(_ decision: ReviewRow.Decision, at now: Timestamp) async throws {
    switch decision {
    case .delete: return
    case .extend(let until):
      guard until > now else { throw RetentionError(.invalidReview, "until: must be to come") }
    case .move(let policy):
      let tenant = tenant
      let history = try await database.transaction { tx in try Self.policies(of: tenant, in: tx) }
      guard history.inForce(at: now).contains(where: { $0.id == policy }) else {
        throw RetentionError(.invalidReview, "policy: none of that name is in force")
      }
    case .relabel(let label):
      guard PolicyDocument.isName(label) else {
        throw RetentionError(.invalidReview, "label: \(PolicyDocument.nameRule)")
      }
    }
  }

  private func views(_ rows: [ReviewRow]) async throws -> [ReviewView] {
    let conversations = Set(rows.map(\.group.conversation))
    let cards = try await directory.cards(conversations)
    let keys = try await vault.keys(Set(conversations.map { .conversation(tenant, $0) }), creating: false)
    return try rows.map { row in
      let key = keys[.conversation(tenant, row.group.conversation)]
      let text = try row.justification.flatMap { sealed in
        try key.map { try AEAD.open(sealed, key: Self.derived($0), additional: Self.additional(row.id)) }
      }
      return ReviewView(
        row: row, conversation: cards[row.group.conversation]?.profile.id,
        justification: text.map { String(decoding: $0, as: UTF8.self) })
    }
  }

  func actorHash(_ actor: String) -> [UInt8] { directory.hasher.hash("actor", actor) }

  private static func derived(_ key: SecretBytes) -> SecretBytes {
    BLAKE2b.derive([key], context: Array("muniment/review/v1".utf8))
  }

  private static func additional(_ id: Int64) -> [UInt8] {
    var writer = ByteWriter()
    writer.raw("review".utf8)
    writer.fixed(id)
    return writer.bytes
  }

  private static func details(_ row: ReviewRow, _ decision: ReviewRow.Decision) -> [String: String] {
    var details = [
      "decision": decision.name, "policy": "\(row.group.policy) v\(row.policyVersion)",
      "month": row.group.period.description, "messages": String(row.messages),
    ]
    if case .extend(let until) = decision { details["until"] = until.rfc3339 }
    if case .move(let policy) = decision { details["to"] = policy }
    if case .relabel(let label) = decision { details["label"] = label }
    return details
  }
}
