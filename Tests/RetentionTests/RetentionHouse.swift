import AuditLog
import Catalog
import Governance
import History
import KeyVault
import Model
import Postgres
import Retention
import Segments
import Synchronization
import TestSupport

/// A tenant with a database, keys and an archive of its own, and a clock that stands still until moved.
final class RetentionHouse: Sendable {
  static let groups = 4
  static let day: Int64 = 86_400
  static let start = Timestamp(civil: 2024, 1, 1)

  let database: PostgresPool
  let vault: KeyVault
  let directory: Directory
  let audit: AuditLog
  let history: HistoryReader
  private let home: String
  private let clock = Mutex(RetentionHouse.start)

  private init(_ database: PostgresPool, home: String) async throws {
    self.database = database
    self.home = home
    try KeyVault.create(directory: "\(home)/keys")
    vault = try KeyVault(directory: "\(home)/keys", database: database)
    let tenant = try await database.transaction { tx in
      try Feed.createHeads(groups: RetentionHouse.groups, in: tx)
      return try Tenants.ensure("acme", at: RetentionHouse.start, in: tx)
    }
    directory = Directory(tenant: tenant, database: database, vault: vault)
    audit = AuditLog(
      origin: "muniment.example/test", signer: vault.signingKey("audit"), sealing: vault.derivedKey("audit"))
    history = HistoryReader(
      database: database, vault: vault,
      archive: ArchiveReader(
        store: try FileSegmentStore(directory: "\(home)/segments"), vault: vault, database: database))
  }

  static func with(_ body: (RetentionHouse) async throws -> Void) async throws {
    let database = try await TestDatabase.make(migrationsFrom: TestDatabase.schema)
    let home = try TestDatabase.temporaryHome()
    let house = try await RetentionHouse(database.pool, home: home)
    do {
      try await body(house)
      await database.pool.close()
    } catch {
      await database.pool.close()
      throw error
    }
  }

  var tenant: TenantID { directory.tenant.id }
  var now: Timestamp { clock.withLock { $0 } }
  func advance(days: Int64) { clock.withLock { $0 = $0.adding(seconds: days * Self.day) } }

  /// - Parameter secondPerson: the tenant's `approvals.second_person`.
  func retention(endsPeriods: Bool = true, needsApproval: Bool = false, secondPerson: Bool = true)
    -> RetentionService
  {
    var tenant = directory.tenant
    tenant.secondPerson = secondPerson
    let other = Directory(tenant: tenant, database: database, vault: vault)
    return RetentionService(
      directory: secondPerson ? directory : other, database: database, vault: vault, history: history,
      audit: audit, groups: Self.groups, needsApproval: needsApproval, endsPeriods: endsPeriods,
      now: { self.now })
  }

  var holds: HoldService {
    HoldService(
      directory: directory, database: database, vault: vault, history: history, audit: audit,
      now: { self.now })
  }

  /// Sets policies, and if they wait for the grace period, waits for it.
  func set(_ entries: PolicyDocument.Entry...) async throws {
    let result = try await retention().set(PolicyDocument(policies: entries), actor: "admin")
    if result.effectiveAt > now { advance(days: 1) }
  }

  func converse(
    _ id: String, kind: ConversationUpsert.Kind = .group, retentionDays: Int32? = nil
  ) async throws {
    let upsert = ConversationUpsert(conversationID: id, kind: kind, retentionDays: retentionDays)
    _ = try await directory.intern(
      subjects: [:],
      conversations: [id: ConversationDraft(ConversationProfile(id: id), described: upsert)], at: now)
  }

  func join(_ subject: String, _ conversation: String, from: Timestamp) async throws {
    let interned = try await directory.intern(
      subjects: [subject: SubjectProfile(id: subject)], conversations: [conversation: draft(conversation)],
      at: now)
    guard let member = interned.subjects[subject], let row = interned.conversations[conversation] else {
      return
    }
    let tenant = tenant
    try await database.transaction { tx in
      _ = try Memberships.join(
        [(row.route, row.id, member, from, from, nil)], tenant: tenant, in: tx)
    }
  }

  /// Stores messages as ingestion does; times are `at`, or now.
  @discardableResult
  func send(
    _ ids: [String], by sender: String = "ann", in conversation: String = "general", at time: Timestamp? = nil
  ) async throws -> [MessageKey] {
    try await send(
      ids.map { MessagePayload(messageID: $0, body: .plain("text of \($0)")) }, by: sender, in: conversation,
      at: time)
  }

  @discardableResult
  func send(
    _ payloads: [MessagePayload], by sender: String = "ann", in conversation: String = "general",
    at time: Timestamp? = nil
  ) async throws -> [MessageKey] {
    let (tenant, time) = (tenant, time ?? now)
    let interned = try await directory.intern(
      subjects: [sender: SubjectProfile(id: sender)], conversations: [conversation: draft(conversation)],
      at: now)
    guard let subject = interned.subjects[sender], let row = interned.conversations[conversation] else {
      return []
    }
    let lane = LaneID(
      tenant: tenant, subject: subject, conversation: row.id, period: Period(containing: time))
    guard let key = try await vault.lanes([lane], creating: true)[lane] else { return [] }
    let group = Int16(row.route.group(of: Self.groups))
    let messages = payloads.map { payload in
      let name = directory.hasher.messageKey(payload.messageID)
      return NewMessage(
        key: name, route: row.route, group: group, conversation: row.id, sender: subject, createdAt: time,
        digest: 1, sealed: RowSeal.seal(payload.bytes, key: name, kind: 0, version: 0, lane: key))
    }
    try await database.transaction { tx in
      try Partitions.ensure([Period(containing: time)], in: tx)
      try Feed.lock(groups: [group], in: tx)
      _ = try Messages.store(messages, tenant: tenant, in: tx)
    }
    return messages.map(\.key)
  }

  /// Notes an edit, as ingestion does.
  func edit(_ id: String, at time: Timestamp) async throws {
    let key = directory.hasher.messageKey(id)
    try await database.transaction { tx in
      guard let locator = try Locators.find(key, in: tx) else { return }
      _ = try Amendments.insert(
        AmendmentRow(
          key: key, kind: .edit, author: locator.sender, version: 1, at: time, route: locator.route,
          conversation: locator.conversation, sealed: []), in: tx)
    }
  }

  /// Stores an edit with its content, by the message's author.
  func edit(_ id: String, to payload: MessagePayload, version: Int64 = 1) async throws {
    let (key, now) = (directory.hasher.messageKey(id), now)
    guard let (locator, lane) = try await sealing(key) else { return }
    let row = AmendmentRow(
      key: key, kind: .edit, author: locator.sender, version: version, at: now, route: locator.route,
      conversation: locator.conversation,
      sealed: RowSeal.seal(payload.bytes, key: key, kind: 1, version: version, lane: lane))
    _ = try await database.transaction { tx in try Amendments.insert(row, in: tx) }
  }

  /// A message, and what its author seals changes to it with now.
  private func sealing(_ key: MessageKey) async throws -> (locator: Locator, lane: LaneKey)? {
    guard let locator = try await database.transaction({ tx in try Locators.find(key, in: tx) }) else {
      return nil
    }
    let lane = LaneID(
      tenant: tenant, subject: locator.sender, conversation: locator.conversation,
      period: Period(containing: now))
    return try await vault.lanes([lane], creating: true)[lane].map { (locator, $0) }
  }

  /// A member deletes a message, as ingestion does it.
  func deleteByMember(_ id: String) async throws {
    let key = directory.hasher.messageKey(id)
    let (tenant, now) = (tenant, now)
    guard let sealing = try await sealing(key) else { return }
    try await database.transaction { tx in
      guard let locator = try Locators.find(key, in: tx) else { return }
      _ = try Amendments.insert(
        AmendmentRow(
          key: key, kind: .deletion, author: locator.sender, version: 0, at: now, route: locator.route,
          conversation: locator.conversation,
          sealed: RowSeal.seal([], key: key, kind: 2, version: 0, lane: sealing.lane)), in: tx)
      _ = try Deletions.delete([key], for: .deletedByMember, tenant: tenant, at: now, in: tx)
    }
  }

  func states(_ ids: [String]) async throws -> [Locator.State] {
    let keys = ids.map(directory.hasher.messageKey)
    let found = try await database.transaction { tx in try Locators.find(keys, in: tx) }
    return keys.compactMap { found[$0]?.state }
  }

  func state(_ id: String) async throws -> Locator.State? { try await states([id]).first }

  func count(_ sql: String) async throws -> Int {
    try await database.transaction { tx in Int(try tx.execute(sql).int64(0, 0)) }
  }

  /// Until a session of this database waits for a lock. Other databases of the cluster belong to suites that run
  /// beside this one, whose waits say nothing here.
  func waitUntilSomebodyWaits() async throws {
    let waiting = """
      SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
      """
    while try await count(waiting) == 0 { await Task.yield() }
  }

  func count(audited action: String) async throws -> Int {
    try await count("SELECT count(*) FROM audit_entry WHERE action = '\(action)'")
  }

  private func draft(_ id: String) -> ConversationDraft { ConversationDraft(ConversationProfile(id: id)) }
}

extension PolicyDocument.Entry {
  static func entry(
    _ name: String, _ scope: PolicyDocument.Scope = .tenant, retain: String? = nil, delete: String? = nil,
    clock: Policy.Clock = .created, locked: Bool = false
  ) -> Self {
    Self(
      name: name, scope: scope, retain: retain.flatMap { RetentionLength($0) },
      deleteAfter: delete.flatMap { RetentionLength($0) }, clock: clock, locked: locked)
  }
}
