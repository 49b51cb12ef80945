import AuditLog
import Blocking
import Catalog
import Foundation
import History
import KeyVault
import Model
import Postgres
import SearchIndex

extension ErasureService {
  /// Carries an approved erasure out, or goes on with one that was interrupted: record in the ledger → preserve what
  /// holds and locked floors keep → remove the rest from the database → destroy the key → purge index and packages →
  /// verify by looking → certificate. Every step may be repeated; two runs at once are kept apart. Where something has
  /// to stay, the certificate says what, until when and on what ground, and the erasure is restricted until
  /// ``reconsider(_:actor:)`` completes it.
  package func run(_ id: Int64, actor: String) async throws -> Certificate {
    _ = try await find(id)
    return try await alone(id) { try await runAsLongWork { try await runAlone(id, actor: actor) } }
  }

  private func runAlone(_ id: Int64, actor: String) async throws -> Certificate {
    let row = try await find(id)
    if row.state == .completed, let text = row.certificate { return try Certificate(json: text) }
    if row.state == .restricted { return try await reconsider(row, actor: actor) }
    guard [.approved, .running, .partial].contains(row.state) else { throw Self.notRunning(row.state) }
    if row.scope != .subject { return try await runScoped(row, actor: actor) }
    let subject = try await currentSubject(row)
    let markers = try await Markers.gather(self, row, subject)
    var steps = try Self.steps(row)
    try await begin(row, subject, actor: actor)
    do {
      try record(row)
      if let subject {
        try await erase(row, subject, &steps, actor: actor)
      } else {
        try await forget(row, &steps)
      }
      let residue = try await residue(row, subject: subject, markers: markers)
      try residue.check("; run the erasure again")
      return try await certify(row, subject: subject, steps: steps, residue, actor: actor)
    } catch {
      try await keep(steps, .partial, row)
      throw error
    }
  }

  private func erase(_ row: ErasureRow, _ subject: SubjectID, _ steps: inout ErasureSteps, actor: String)
    async throws
  {
    try await removeMessages(row, subject, &steps)
    try await preserveChanges(row, subject)
    try await removeRecords(row, subject, &steps)
    try await destroyKey(row, subject, &steps, actor: actor)
    try await purgeIndex(row, subject, &steps)
    try await removePackages(row, subject, &steps)
  }

  /// Of somebody nobody knows, the audit log may still speak.
  private func forget(_ row: ErasureRow, _ steps: inout ErasureSteps) async throws {
    let audit = audit
    let parts = try await database.transaction { tx in
      try audit.eraseParts(about: row.subjectHash, tenant: row.tenant, in: tx)
    }
    steps.auditParts = (steps.auditParts ?? 0) + parts
    try await keep(steps, .running, row)
  }

  static func notRunning(_ state: ErasureRow.State) -> ErasureError {
    ErasureError(.wrongState, "only an approved erasure can run; this one is \(state.rawValue)")
  }

  static func steps(_ row: ErasureRow) throws -> ErasureSteps {
    (try? JSONDecoder().decode(ErasureSteps.self, from: Data(row.steps.utf8))) ?? ErasureSteps()
  }

  func keep(_ steps: ErasureSteps, _ state: ErasureRow.State, _ row: ErasureRow) async throws {
    let text = try Self.json(steps)
    try await database.transaction { tx in try Erasures.set(row.id, state: state, steps: text, in: tx) }
  }

  /// From here on the subject takes no new messages, and nobody of that id is taken in. Nothing is begun of what was
  /// taken back since it was read.
  private func begin(_ row: ErasureRow, _ subject: SubjectID?, actor: String) async throws {
    let (tenant, now, audit) = (tenant, now(), audit)
    try await database.transaction { tx in
      try Tenants.lockGovernance(tenant, exclusive: false, in: tx)
      try Self.begin(row.id, in: tx)
      try ErasureLedger.record(row.subjectHash, erasure: row.id, tenant: tenant, at: now, in: tx)
      if let subject {
        try Subjects.set(.erasing, subject, tenant: tenant, in: tx)
        // A run that goes on after the row which led to the subject is gone must still know them.
        try Erasures.bind(row.id, to: subject, in: tx)
      }
      _ = try audit.append([Self.entry("erasure.started", row.id, actor, tenant)], at: now, in: tx)
    }
    directory.invalidate()
  }

  static func begin(_ id: Int64, in tx: borrowing Transaction) throws {
    guard try Erasures.begin(id, in: tx) else {
      throw notRunning(try Erasures.find(id, in: tx)?.state ?? .withdrawn)
    }
  }

  /// Into the ledger outside the database, before anything goes and not before the run has begun: what it names was
  /// under way once, whatever a restored database says.
  func record(_ row: ErasureRow) throws {
    try LedgerFile(home: settings.home).record(
      tenant: tenant, hash: row.subjectHash, erasure: row.id, scope: row.scope)
  }

  private func removeRecords(_ row: ErasureRow, _ subject: SubjectID, _ steps: inout ErasureSteps)
    async throws
  {
    let (tenant, audit, groups, now) = (tenant, audit, settings.groups, now())
    let removed = try await database.transaction { tx in
      // Messages of others read differently now: the index finds them by their text and by having reactions.
      let changed = try Amendments.messages(changedBy: subject, in: tx)
      // The feed's heads before governance: one order for all.
      try Feed.lock(groups: Set(changed.map { Int16($0.route.group(of: groups)) }), in: tx)
      try Self.checkCopies(row, subject, tenant: tenant, at: now, in: tx)
      for (group, messages) in Dictionary(grouping: changed, by: { $0.route.group(of: groups) }).sorted(
        by: { $0.key < $1.key })
      {
        try Feed.append(.edited, messages.map(\.key), group: Int16(group), in: tx)
      }
      try DeletionOutbox.forget(subject, tenant: tenant, in: tx)
      try RetentionEvents.removeAll(of: .subject(subject), in: tx)
      return (
        parts: try audit.eraseParts(about: row.subjectHash, tenant: tenant, in: tx),
        changes: try Amendments.removeAll(by: subject, in: tx),
        members: try Memberships.removeAll(of: subject, at: now, in: tx),
        setAside: try SetAside.removeAll(about: subject, in: tx),
        names: try SubjectTokens.removeAll(of: subject, tenant: tenant, in: tx),
        searches: try SavedSearchRows.removeAll(of: subject, tenant: tenant, in: tx)
      )
    }
    steps.changes += removed.changes
    steps.memberships += removed.members
    steps.setAside += removed.setAside
    steps.auditParts = (steps.auditParts ?? 0) + removed.parts
    steps.names = (steps.names ?? 0) + removed.names
    steps.searches = (steps.searches ?? 0) + removed.searches
    try await keep(steps, .running, row)
  }

  /// The key and the row that leads to it go together. After that no copy of the person's messages, wherever it
  /// lies, can be opened; the key shard's own key follows when the backup window has passed.
  private func destroyKey(
    _ row: ErasureRow, _ subject: SubjectID, _ steps: inout ErasureSteps, actor: String
  ) async throws {
    let (tenant, now, audit) = (tenant, now(), audit)
    let owner = KeyOwner.subject(tenant, subject)
    try await database.transaction { tx in
      guard try Preservations.uncopied(subject, in: tx) == 0 else {
        throw ErasureError(.busy, "messages are left that have no copy yet; run the erasure again")
      }
      try KeyVault.destroy([owner], reason: Handle.text("erasure", row.id), at: now, in: tx)
      try Subjects.remove(subject, tenant: tenant, in: tx)
      _ = try audit.append(
        [Self.entry("key.destroyed", row.id, actor, tenant, ["kind": "subject"])], at: now, in: tx)
    }
    vault.forget([owner])
    steps.keysDestroyed = ["subject"]
    try await keep(steps, .running, row)
    _ = try await vault.rotate(now: now, backupWindowSeconds: settings.backupWindowSeconds)
    steps.keyShardRotated = true
    try await keep(steps, .running, row)
  }

  private func purgeIndex(_ row: ErasureRow, _ subject: SubjectID, _ steps: inout ErasureSteps) async throws {
    // What an indexer had read before the key went, and was yet to write, is written then, or will not be.
    try await followFeed()
    steps.indexGroups = 0
    for group in try await groups(of: subject) {
      try await purge(subject, group: group)
      steps.indexGroups += 1
    }
    try await keep(steps, .running, row)
  }

  /// The index groups in which anything the subject wrote is or was: no other one is rewritten.
  private func groups(of subject: SubjectID) async throws -> [Int] {
    let routes = try await database.transaction { tx in try Locators.routes(ofSender: subject, in: tx) }
    return Set(routes.map { $0.group(of: settings.groups) }).sorted()
  }

  /// A service that follows the feed holds a group's lock for moments at a time: the purge waits for its turn.
  private func purge(_ subject: SubjectID, group: Int) async throws {
    for attempt in 1... {
      do {
        try await index.purge(sender: subject, group: group)
        return
      } catch let error as SearchIndexError where error.code == .locked && attempt < Self.lockAttemptsMax {
        try await Task.sleep(for: .milliseconds(200))
      }
    }
  }

  private static let lockAttemptsMax = 150

  /// Packages inside the home that hold the subject's messages are withdrawn whole.
  func removePackages(
    _ row: ErasureRow, _ subject: SubjectID, _ steps: inout ErasureSteps, _ state: ErasureRow.State = .running
  ) async throws {
    let now = now()
    let withdrawn = try await database.transaction { tx in
      try Exports.withdraw(containing: subject, at: now, in: tx)
    }
    try await deletePackages()
    steps.packages += withdrawn.count
    try await keep(steps, state, row)
  }
}
