package import AuditLog
import Catalog
package import History
package import KeyVault
package import Model
package import Postgres
import Sodium

/// What shall be held: every message a custodian wrote or could see when it was sent, in the named conversations,
/// sent in `[from, to)`. An empty list or a missing bound means any. With a query, only what of that it finds, and what
/// cannot be known not to match.
package struct HoldRequest: Hashable, Sendable {
  package var matter: String
  /// Platform's ids; people nobody has heard of yet are held from their first message on.
  package var custodians: [String]
  /// Platform's ids.
  package var conversations: [String]
  package var from: Timestamp?
  package var to: Timestamp?
  /// In the language of searches (``ParsedQuery``), but for `with:` and `has:reaction`.
  package var query: String?
  /// Not to be mentioned to those it concerns.
  package var silent: Bool
  package var reason: String

  package init(
    matter: String, custodians: [String] = [], conversations: [String] = [], from: Timestamp? = nil,
    to: Timestamp? = nil, query: String? = nil, silent: Bool = false, reason: String
  ) {
    self.matter = matter
    self.custodians = custodians
    self.conversations = conversations
    self.from = from
    self.to = to
    self.query = query
    self.silent = silent
    self.reason = reason
  }

  static let textBytesMax = 4_096
  static let idsMax = 10_000
  static let idBytesMax = 128

  /// - Throws: `RetentionError.invalidHold`, naming what is wrong.
  func check() throws(RetentionError) {
    try HoldService.check(matter, "matter")
    try HoldService.check(reason, "reason")
    if let query {
      try HoldService.check(query, "query")
      _ = try HoldQuery(query)
    }
    guard custodians.count <= Self.idsMax, conversations.count <= Self.idsMax else {
      throw RetentionError(.invalidHold, "at most \(Self.idsMax) custodians and \(Self.idsMax) conversations")
    }
    for (name, ids) in [("custodian", custodians), ("conversation", conversations)] {
      guard ids.allSatisfy({ (1...Self.idBytesMax).contains($0.utf8.count) }) else {
        throw RetentionError(.invalidHold, "\(name): an id has 1 to \(Self.idBytesMax) bytes")
      }
    }
    if let from, let to, to <= from {
      throw RetentionError(.invalidHold, "the hold's end is not after its start")
    }
  }
}

/// Legal holds of one tenant. A hold is a rule: what matches it later is held as it arrives, and every deletion
/// asks again.
package struct HoldService: Sendable {
  let directory: Directory
  let database: PostgresPool
  let vault: KeyVault
  let history: HistoryReader
  let audit: AuditLog
  let now: @Sendable () -> Timestamp

  package init(
    directory: Directory, database: PostgresPool, vault: KeyVault, history: HistoryReader, audit: AuditLog,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.directory = directory
    self.database = database
    self.vault = vault
    self.history = history
    self.audit = audit
    self.now = now
  }

  var tenant: TenantID { directory.tenant.id }
  var seal: HoldSeal { HoldSeal(tenant: tenant, vault: vault) }

  /// Places the hold and returns its id. A deletion that is under way is waited for; no later one passes it. One with a
  /// query keeps all it covers until ``evaluate(_:actor:progress:)`` has read that.
  /// - Throws: `RetentionError.invalidHold`, `.unknownConversation` or `.erasedSubject`.
  package func place(_ request: HoldRequest, actor: String) async throws -> Int64 {
    try request.check()
    let now = now()
    let id = Randomness.identifier()
    let text = HoldText(
      matter: request.matter, reason: request.reason, placedBy: actor, query: request.query)
    let row = HoldRow(
      id: id, tenant: tenant, custodians: try await custodians(request.custodians, at: now),
      conversations: try await conversations(request.conversations), from: request.from, to: request.to,
      silent: request.silent, byQuery: request.query != nil, sealed: try await seal.seal(text, of: id),
      placedAt: now)
    let (audit, hasher) = (audit, directory.hasher)
    let mentions = request.custodians.map { AuditEntry.Mention(hasher.hash("subject", $0)) }
    try await database.transaction { tx in
      try Holds.insert(row, in: tx)
      try audit.append([.placed(row, request, actor: actor, mentions: mentions)], at: now, in: tx)
    }
    return id
  }

  /// Ends the hold. Nothing is deleted by that: what is due goes with the next run of retention.
  /// - Throws: `RetentionError.unknownHold` or `.alreadyReleased`.
  package func release(_ id: Int64, reason: String, actor: String) async throws {
    try Self.check(reason, "reason")
    let now = now()
    let row = try await row(id)
    guard row.releasedAt == nil else { throw Self.alreadyReleased(id) }
    var text = try await seal.open([row])[id] ?? HoldText(matter: "", reason: "", placedBy: "")
    (text.releaseReason, text.releasedBy) = (reason, actor)
    let sealed = try await seal.seal(text, of: id)
    let (audit, tenant) = (audit, tenant)
    try await database.transaction { tx in
      guard try Holds.release(id, sealed: sealed, at: now, in: tx) else { throw Self.alreadyReleased(id) }
      let entry = AuditEntry(
        tenant: tenant, actor: actor, action: "hold.released", object: Handle.text("hold", id),
        details: [AuditEntry.silentDetail: String(row.silent)], personal: ["reason": reason],
        mentions: try Subjects.find(row.custodians, tenant: tenant, in: tx).map { .init($0.hash) })
      try audit.append([entry], at: now, in: tx)
    }
    // If this is not reached, the nightly job does it.
    if row.byQuery { try await forgetFindings(of: id) }
  }

  /// The stored row of one of this tenant's holds.
  func row(_ id: Int64) async throws -> HoldRow {
    let row = try await database.transaction { tx in try Holds.find(id, in: tx) }
    guard let row, row.tenant == tenant else {
      throw RetentionError(.unknownHold, "no hold \(Handle.text("hold", id)) is known")
    }
    return row
  }

  static func check(_ text: String, _ name: String) throws(RetentionError) {
    guard (1...HoldRequest.textBytesMax).contains(text.utf8.count) else {
      throw RetentionError(.invalidHold, "\(name): 1 to \(HoldRequest.textBytesMax) bytes")
    }
  }

  private static func alreadyReleased(_ id: Int64) -> RetentionError {
    RetentionError(.alreadyReleased, "\(Handle.text("hold", id)) was released before")
  }

  private func custodians(_ ids: [String], at now: Timestamp) async throws -> [SubjectID] {
    let wanted = Dictionary(ids.map { ($0, SubjectProfile(id: $0)) }, uniquingKeysWith: { first, _ in first })
    let known = try await directory.intern(subjects: wanted, conversations: [:], at: now).subjects
    for id in wanted.keys.sorted() where known[id] == nil {
      throw RetentionError(.erasedSubject, "custodian \"\(id)\" was erased, or is being erased")
    }
    return known.values.sorted()
  }

  private func conversations(_ ids: [String]) async throws -> [ConversationID] {
    var found: Set<ConversationID> = []
    for id in Set(ids).sorted() {
      guard let card = try await directory.conversation(id) else {
        throw RetentionError(.unknownConversation, "no conversation \"\(id)\" is known")
      }
      found.insert(card.conversation)
    }
    return found.sorted()
  }
}

extension AuditEntry {
  fileprivate static func placed(
    _ row: HoldRow, _ request: HoldRequest, actor: String, mentions: [Mention]
  ) -> AuditEntry {
    var personal = ["matter": request.matter, "reason": request.reason]
    personal["query"] = request.query
    return AuditEntry(
      tenant: row.tenant, actor: actor, action: "hold.placed", object: Handle.text("hold", row.id),
      details: [
        "custodians": String(row.custodians.count), "conversations": String(row.conversations.count),
        "from": row.from?.rfc3339 ?? "", "to": row.to?.rfc3339 ?? "", "by_query": String(row.byQuery),
        silentDetail: String(row.silent),
      ],
      personal: personal, mentions: mentions)
  }
}
