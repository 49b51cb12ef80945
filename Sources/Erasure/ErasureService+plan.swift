import AuditLog
import Catalog
import Model
import Postgres

extension ErasureService {
  /// Looks in every store and says what would go, and what would stay for now on what ground.
  /// - Parameter actor: who reads it, for the audit log; `nil`: nobody, as when a test prepares a request.
  package func plan(_ id: Int64, actor: String? = nil) async throws -> ErasurePlan {
    let row = try await find(id)
    guard row.state.isOpen else {
      throw ErasureError(.wrongState, "this erasure is \(row.state.rawValue)")
    }
    guard row.scope == .subject else { return try await planScoped(row, actor: actor) }
    let subject = try await currentSubject(row)
    let now = now()
    return try await database.transaction { tx in
      var plan = try Self.plan(row, subject, at: now, in: tx)
      plan.auditParts = try audit.partCount(about: row.subjectHash, tenant: row.tenant, in: tx)
      try keep(plan, row, actor: actor, at: now, in: tx)
      return plan
    }
  }

  /// The numbers that are in the log are those somebody saw before it was approved.
  func keep(
    _ plan: ErasurePlan, _ row: ErasureRow, actor: String?, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    try Erasures.setPlan(row.id, plan: try Self.json(plan), in: tx)
    guard let actor else { return }
    let details = [
      "messages": String(plan.hotMessages + plan.coldMessages), "restricted": String(plan.restricted ?? 0),
      "packages": String(plan.packages),
    ]
    _ = try audit.append([Self.entry("erasure.planned", row.id, actor, row.tenant, details)], at: now, in: tx)
  }

  private static func plan(
    _ row: ErasureRow, _ subject: SubjectID?, at now: Timestamp, in tx: borrowing Transaction
  ) throws -> ErasurePlan {
    var plan = ErasurePlan(
      id: Handle.text("erasure", row.id), subjectKnown: subject != nil, hotMessages: 0, coldMessages: 0,
      changes: 0, conversations: 0, setAside: 0, packages: 0, blockedBy: [], floors: [], restricted: 0,
      notCovered: ErasurePlan.limits, dueAt: row.dueAt.rfc3339)
    guard let subject else { return plan }
    let found = Dictionary(
      uniqueKeysWithValues: try Erasures.residue(
        subject: subject, hash: row.subjectHash, tenant: row.tenant, in: tx
      ).map { ($0.what, $0.count) })
    plan.hotMessages = found["hot_rows"] ?? 0
    plan.coldMessages = (found["messages"] ?? 0) - plan.hotMessages
    plan.changes = found["changes"] ?? 0
    plan.conversations = found["memberships"] ?? 0
    plan.setAside = found["set_aside"] ?? 0
    plan.packages = try Exports.count(containing: subject, in: tx)
    plan.blockedBy = try Holds.blocking(sender: subject, in: tx)
      .map { ErasurePlan.Blocker(hold: Handle.text("hold", $0.hold), messages: $0.messages) }
    try addRestricted(&plan, subject, tenant: row.tenant, at: now, in: tx)
    return plan
  }

  /// Message by message, as holds and floors overlap; skipped where there is neither.
  private static func addRestricted(
    _ plan: inout ErasurePlan, _ subject: SubjectID, tenant: TenantID, at now: Timestamp,
    in tx: borrowing Transaction
  ) throws {
    let floorsExist = try Floors.exist(.locked, tenant: tenant, at: now, in: tx)
    guard floorsExist || !plan.blockedBy.isEmpty else { return }
    var floors: [String: (messages: Int, until: Timestamp?)] = [:]
    var cursor: MessageKey?
    repeat {
      let batch = try Locators.bySender(
        subject, states: [.live, .restricted], after: cursor, limit: batchMessages, in: tx)
      let grounds = try Grounds(of: batch.map(\.key), tenant: tenant, at: now, in: tx)
      plan.restricted = (plan.restricted ?? 0) + grounds.byKey.count
      for floor in grounds.floors.values {
        let name = "\(floor.policy) v\(floor.version)"
        let known = floors[name] ?? (0, .earliest)
        let until = known.until.flatMap { old in floor.until.map { max(old, $0) } }
        floors[name] = (known.messages + 1, until)
      }
      cursor = batch.last?.key
    } while cursor != nil
    plan.floors = floors.sorted { $0.key < $1.key }.map {
      ErasurePlan.Floor(policy: $0.key, messages: $0.value.messages, until: $0.value.until?.rfc3339)
    }
  }
}
