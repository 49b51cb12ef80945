import Catalog
import History
import KeyVault
import Model
import Postgres
import Sodium

extension ErasureService {
  /// Messages looked at in one transaction.
  static let batchMessages = 1_000
  /// How often a batch is begun anew because a hold or a policy came between reading and deleting.
  private static let attemptsMax = 20

  /// Goes through all messages of the person: copies of what has to be kept are stored and the messages hidden, in
  /// the transaction that deletes the others. Preserved first, destroyed after: the key goes only when every
  /// message that is left has its copy.
  func removeMessages(_ row: ErasureRow, _ subject: SubjectID, _ steps: inout ErasureSteps) async throws {
    let keeper = try await Keeper(self, row, subject)
    var cursor: MessageKey?
    while true {
      let after = cursor
      let batch = try await database.transaction { tx in
        try Locators.bySender(
          subject, states: [.live, .restricted], after: after, limit: Self.batchMessages, in: tx)
      }
      guard let last = batch.last else { return }
      steps.messages += try await remove(batch, keeper)
      cursor = last.key
      try await keep(steps, .running, row)
    }
  }

  /// Returns how many were deleted.
  private func remove(_ batch: [Locator], _ keeper: Keeper) async throws -> Int {
    let (tenant, groups, now) = (tenant, settings.groups, now())
    let keys = batch.map(\.key)
    let draft = try await notices?.draft(of: batch, at: now)
    for _ in 0..<Self.attemptsMax {
      let grounds = try await database.transaction { tx in
        try Grounds(of: keys, tenant: tenant, at: now, in: tx)
      }
      let kept = batch.filter { grounds.byKey[$0.key] != nil }
      let copies = try await keeper.copies(of: kept, grounds)
      let deleted = try await database.transaction { tx -> Int? in
        try Tenants.lockGovernance(tenant, exclusive: false, in: tx)
        guard try Grounds(of: keys, tenant: tenant, at: now, in: tx) == grounds,
          try keeper.store(copies, at: now, in: tx)
        else { return nil }
        let outcome = try Deletions.delete(keys, for: .erasure, tenant: tenant, at: now, in: tx)
        try Deletions.restrict(kept, at: now, in: tx)
        let hidden = kept.filter { $0.state == .live }
        for (group, gone) in Dictionary(
          grouping: outcome.deleted + hidden, by: { $0.route.group(of: groups) }
        ).sorted(by: { $0.key < $1.key }) {
          try Feed.append(.removed, gone.map(\.key), group: Int16(group), in: tx)
        }
        try draft?.store(outcome.deleted + hidden, erased: true, at: now, in: tx)
        return outcome.deleted.count
      }
      if let deleted { return deleted }
    }
    throw ErasureError(.busy, "holds or policies keep changing; run the erasure again")
  }

  /// What the person did to messages of others that have to be kept is evidence as well. A hold may come at any time:
  /// ``checkCopies(_:_:tenant:at:in:)`` asks again where the changes go.
  func preserveChanges(_ row: ErasureRow, _ subject: SubjectID) async throws {
    let (tenant, now) = (tenant, now())
    let changed = try await database.transaction { tx in
      try Amendments.changed(by: subject, in: tx)
    }
    let keeper = try await Keeper(self, row, subject)
    for start in stride(from: 0, to: changed.count, by: Self.batchMessages) {
      let keys = Array(changed[start..<min(start + Self.batchMessages, changed.count)])
      let (grounds, batch) = try await database.transaction { tx in
        let known = try Self.others(keys, than: subject, in: tx)
        return (try Grounds(of: known.map(\.key), tenant: tenant, at: now, in: tx), known)
      }
      let copies = try await keeper.copies(of: batch.filter { grounds.byKey[$0.key] != nil }, grounds)
      let stored = try await database.transaction { tx in try keeper.store(copies, at: now, in: tx) }
      guard stored else { throw ErasureError(.busy, "a key was made anew meanwhile; run the erasure again") }
    }
  }

  /// Messages of others that are there still.
  private static func others(_ keys: [MessageKey], than subject: SubjectID, in tx: borrowing Transaction)
    throws
    -> [Locator]
  {
    try Locators.find(keys, in: tx).values.filter {
      $0.sender != subject && ($0.state == .live || $0.state == .restricted)
    }
  }

  /// In the transaction that takes the person's changes away: every message of others that has to be kept has a copy of
  /// them, for every ground. No hold is placed while it is open.
  /// - Throws: ``ErasureError`` `.busy` if one lacks its copy.
  static func checkCopies(
    _ row: ErasureRow, _ subject: SubjectID, tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    try Tenants.lockGovernance(tenant, exclusive: false, in: tx)
    let rows = try Preservations.of(erasure: row.id, in: tx)
    let ground = Dictionary(uniqueKeysWithValues: rows.map { ($0.id, $0.hold.map(Ground.hold) ?? .floor) })
    let changed = try Amendments.changed(by: subject, in: tx)
    for start in stride(from: 0, to: changed.count, by: batchMessages) {
      let keys = Array(changed[start..<min(start + batchMessages, changed.count)])
      let wanted = try Grounds(
        of: others(keys, than: subject, in: tx).map(\.key), tenant: tenant, at: now, in: tx)
      var copied: [MessageKey: Set<Ground>] = [:]
      for copy in try Preservations.copies(of: Array(wanted.byKey.keys), in: tx) {
        if let ground = ground[copy.preservation] { copied[copy.key, default: []].insert(ground) }
      }
      guard wanted.byKey.allSatisfy({ $0.value.isSubset(of: copied[$0.key] ?? []) }) else {
        throw ErasureError(.busy, "a hold came meanwhile that needs what they changed; run the erasure again")
      }
    }
  }
}

/// Makes the copies of one erasure.
struct Keeper: Sendable {
  private let service: ErasureService
  let row: ErasureRow
  private let subject: SubjectID
  private let profile: SubjectProfile?
  private let known: [Ground: PreservationRow]

  init(_ service: ErasureService, _ row: ErasureRow, _ subject: SubjectID) async throws {
    (self.service, self.row, self.subject) = (service, row, subject)
    profile = try await service.directory.profilesInEvidence([subject])[subject]
    let rows = try await service.database.transaction { tx in try Preservations.of(erasure: row.id, in: tx) }
    known = Dictionary(uniqueKeysWithValues: rows.map { ($0.hold.map(Ground.hold) ?? .floor, $0) })
  }

  struct Copies: Sendable {
    var rows: [PreservationRow] = []
    var copies: [PreservedCopy] = []
    var keys: Set<KeyOwner> = []
  }

  /// Reads the messages and seals each once for every ground it has. What cannot be opened any more, as the key of
  /// its conversation or month is destroyed, leaves a copy that says only that it was there.
  func copies(of locators: [Locator], _ grounds: Grounds) async throws -> Copies {
    var result = Copies()
    guard !locators.isEmpty else { return result }
    let messages = try await service.history.messages(
      locators.map(\.place), states: [.live, .restricted])
    let read = Dictionary(messages.map { ($0.locator.key, $0) }) { first, _ in first }
    let wanted = locators.reduce(into: Set<Ground>()) { $0.formUnion(grounds.byKey[$1.key] ?? []) }
    let (matters, sealing) = try await matters(wanted, &result)
    for locator in locators {
      let message = preserved(locator, read[locator.key])
      for ground in grounds.byKey[locator.key] ?? [] {
        guard let id = matters[ground], let key = sealing[.matter(locator.tenant, id)] else { continue }
        result.copies.append(
          PreservedCopy(
            preservation: id, of: locator, until: grounds.until(locator.key, ground),
            sealed: message.sealed(of: locator.key, for: id, under: key)))
      }
    }
    return result
  }

  /// Stores copies, and the grounds they are the first of. Returns whether the keys are still there, which nobody
  /// destroys while the transaction is open.
  func store(_ copies: Copies, at now: Timestamp, in tx: borrowing Transaction) throws -> Bool {
    guard try service.vault.alive(copies.keys, in: tx) else { return false }
    try Preservations.insert(copies.rows, at: now, in: tx)
    try Preservations.store(copies.copies, tenant: row.tenant, in: tx)
    return true
  }

  private func preserved(_ locator: Locator, _ message: HistoricMessage?) -> PreservedMessage {
    PreservedMessage(
      payload: locator.sender == subject ? message?.original.bytes : nil,
      changes: (message?.changes ?? []).filter { $0.author == subject })
  }

  private func matters(_ grounds: Set<Ground>, _ result: inout Copies) async throws -> (
    ids: [Ground: Int64], keys: [KeyOwner: SecretBytes]
  ) {
    let tenant = row.tenant
    let ids = Dictionary(
      uniqueKeysWithValues: grounds.map { ($0, known[$0]?.id ?? Self.id(of: $0, row.id)) })
    let keys = try await service.vault.keys(Set(ids.values.map { .matter(tenant, $0) }), creating: true)
    result.keys = Set(keys.keys)
    for (ground, id) in ids where known[ground] == nil {
      guard let key = keys[.matter(tenant, id)] else { continue }
      let profile = Directory.preserved(
        self.profile ?? SubjectProfile(id: ""), for: id, under: key)
      result.rows.append(
        PreservationRow(
          id: id, tenant: tenant, erasure: row.id, hold: ground.hold, subject: subject, profile: profile))
    }
    return (ids, keys)
  }

  /// The same for every batch and every attempt, so that nothing has to be remembered before it is stored.
  private static func id(of ground: Ground, _ erasure: Int64) -> Int64 {
    var writer = ByteWriter()
    writer.raw("preservation".utf8)
    writer.fixed(erasure)
    writer.fixed(ground.hold ?? 0)
    return BLAKE2b.hash(writer.bytes).prefix(8).reduce(0) { $0 << 8 | Int64($1) } & .max
  }
}
