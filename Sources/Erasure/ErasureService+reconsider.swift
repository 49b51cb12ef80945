import AuditLog
import Catalog
import History
import KeyVault
import Model
import Postgres

extension ErasureService {
  /// Erases what holds and locked floors kept of erased people and nothing keeps any more; what a hold covers that
  /// was placed since gets a copy of its own. One that fails keeps no other from its turn. Returns the erasures that
  /// were looked at, those now completed, and what kept any from being looked at, by id.
  package func reconsiderAll(actor: String) async throws -> (
    looked: Int, completed: Int, failures: [(erasure: Int64, error: any Error)]
  ) {
    var result = (looked: 0, completed: 0, failures: [(erasure: Int64, error: any Error)]())
    for row in try await list() where row.state == .restricted {
      do {
        _ = try await run(row.id, actor: actor)
        result.looked += 1
        if try await find(row.id).state == .completed { result.completed += 1 }
      } catch {
        guard !Task.isCancelled else { throw error }
        result.failures.append((row.id, error))
      }
    }
    return result
  }

  /// Looks at one restricted erasure again. Returns its newest certificate.
  func reconsider(_ row: ErasureRow, actor: String) async throws -> Certificate {
    guard row.scope == .subject else { return try await reconsiderScoped(row, actor: actor) }
    guard let subject = row.subject else { throw Self.unknown }
    var steps = try Self.steps(row)
    let before = try await remains(row.id, subject)
    let keeper = try await Keeper(self, row, subject)
    var cursor: MessageKey?
    while true {
      let after = cursor
      let keys = try await database.transaction { tx in
        try Preservations.messages(erasure: row.id, after: after, limit: Self.batchMessages, in: tx)
      }
      guard let last = keys.last else { break }
      steps.messages += try await reconsider(keys, keeper, subject)
      cursor = last
    }
    try await endGrounds(row, subject, actor: actor)
    let left = try await remains(row.id, subject)
    if left == before, !left.isEmpty, let text = row.certificate { return try Certificate(json: text) }
    if left.isEmpty { try await removePackages(row, subject, &steps, .restricted) }
    let residue = try await residue(row, subject: subject, markers: Markers())
    try residue.check()
    return try await certify(row, subject: subject, steps: steps, residue, actor: actor)
  }

  /// Returns how many messages went.
  private func reconsider(_ keys: [MessageKey], _ keeper: Keeper, _ subject: SubjectID) async throws -> Int {
    let (tenant, now) = (tenant, now())
    let (grounds, locators) = try await database.transaction { tx in
      (
        try Grounds(of: keys, tenant: tenant, at: now, in: tx),
        try Locators.find(keys, in: tx).values.sorted { $0.key < $1.key }
      )
    }
    let wanting = locators.filter { grounds.byKey[$0.key] != nil }
    let copies = try await keeper.copies(of: wanting, grounds)
    let graceStart = now.adding(seconds: -settings.graceSeconds)
    return try await database.transaction { tx in
      try Tenants.lockGovernance(tenant, exclusive: false, in: tx)
      guard try Grounds(of: keys, tenant: tenant, at: now, in: tx) == grounds,
        try keeper.store(copies, at: now, in: tx)
      else { return 0 }
      let ended = try keeper.ended(keys, grounds, graceStart: graceStart, in: tx)
      try Preservations.removeCopies(ended, in: tx)
      let left = Set(try Preservations.copies(of: keys, in: tx).map(\.key))
      let gone = locators.filter { $0.sender == subject && !left.contains($0.key) }.map(\.key)
      return try Deletions.delete(gone, for: .erasure, tenant: tenant, at: now, in: tx).deleted.count
    }
  }

  /// Grounds of which no copy is left lose their matter key, and the person the memberships a hold needed, and the
  /// events a floor counted from.
  private func endGrounds(_ row: ErasureRow, _ subject: SubjectID, actor: String) async throws {
    let (tenant, now, audit) = (tenant, now(), audit)
    let ended = try await database.transaction { tx in
      var ended: [KeyOwner] = []
      for ground in try Preservations.of(erasure: row.id, in: tx)
      where try Preservations.removeEmpty(ground.id, in: tx) {
        ended.append(.matter(tenant, ground.id))
      }
      _ = try Memberships.removeAll(of: subject, at: now, in: tx)
      try RetentionEvents.removeAll(of: .subject(subject), in: tx)
      // What was noted about them since the erasure, such as who looked at what is kept.
      try audit.eraseParts(about: row.subjectHash, tenant: tenant, in: tx)
      guard !ended.isEmpty else { return ended }
      try KeyVault.destroy(ended, reason: Handle.text("erasure", row.id), at: now, in: tx)
      _ = try audit.append(
        [
          Self.entry("key.destroyed", row.id, actor, tenant, ["kind": "matter", "keys": String(ended.count)])
        ],
        at: now, in: tx)
      return ended
    }
    guard !ended.isEmpty else { return }
    vault.forget(ended)
    _ = try await vault.rotate(now: now, backupWindowSeconds: settings.backupWindowSeconds)
  }

  /// What holds and locked floors keep of the person, in the certificate's words.
  func remains(_ erasure: Int64, _ subject: SubjectID?) async throws -> [Certificate.Statement.Remains] {
    try await database.transaction { tx in
      var remains = try Preservations.remains(erasure: erasure, in: tx).map { ground in
        // A silent hold is nobody's to know of; the certificate is made to be handed out.
        let hold = ground.hold.map { ground.silent ? "a legal hold" : Handle.text("hold", $0) }
        return Certificate.Statement.Remains(
          what:
            "\(ground.messages) messages or changes, hidden from everybody else, under a key of their own",
          until: hold.map { "the release of \($0)" } ?? ground.until?.rfc3339
            ?? "the end of the duty to keep",
          ground: hold.map { "\($0): GDPR Art. 17(3)(e)" } ?? "locked retention: GDPR Art. 17(3)(b)")
      }
      if let subject, try Holds.nameCustodian(subject, in: tx) {
        remains.append(
          .init(
            what: "numbers that tell which conversations the person was in",
            until: "the release of a legal hold",
            ground: "the hold names the person: GDPR Art. 17(3)(e)"))
      }
      return remains
    }
  }
}

extension Keeper {
  /// Copies whose ground ended: a hold that was released longer ago than the grace, or whose query was found not to
  /// match, or a floor.
  func ended(_ keys: [MessageKey], _ grounds: Grounds, graceStart: Timestamp, in tx: borrowing Transaction)
    throws -> [(preservation: Int64, key: MessageKey)]
  {
    let rows = try Preservations.of(erasure: row.id, in: tx)
    let holds = try Holds.active(rows.compactMap(\.hold), orReleasedSince: graceStart, in: tx)
    let excluded = try HoldFindings.excluded(rows.compactMap(\.hold), of: keys, in: tx)
    let byID = Dictionary(uniqueKeysWithValues: rows.map { ($0.id, $0) })
    return try Preservations.copies(of: keys, in: tx).filter { copy in
      guard let ground = byID[copy.preservation] else { return false }
      guard let hold = ground.hold else { return grounds.byKey[copy.key]?.contains(.floor) != true }
      return !holds.contains(hold) || (excluded[copy.key]?.contains(hold) ?? false)
    }.map { ($0.preservation, $0.key) }
  }
}
