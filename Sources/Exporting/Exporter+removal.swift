import AuditLog
import Catalog
import History
import Model
import Postgres
import Sodium

extension Exporter {
  /// Stops an export that runs or was interrupted, or removes the content of one that is done; the record stays. Says
  /// so in the audit log first. Repeats without harm.
  /// - Throws: ``ExportError`` `.held` while the hold it was made for is in force, `.beyondReach` for a package outside
  ///   of the home, `.wrongState` where there is nothing to stop or to remove.
  @discardableResult
  package func delete(_ id: String, actor: String) async throws -> ExportRecord {
    let row = try await row(id)
    switch row.state {
    case .running: try await cancel(row, actor: actor)
    case .completed where row.removal != nil:
      guard try await empty(row) else { throw Self.elsewhere }
    case .completed: try await remove(row, because: .deleted, actor: actor)
    case .cancelled: try await clearCancelled(row)
    case .failed, .withdrawn: throw Self.nothing(row)
    }
    return try await show(id)
  }

  /// What ``delete(_:actor:)`` would act on. Throws where that would.
  package func wouldDelete(_ id: String) async throws -> ExportRecord {
    let row = try await row(id)
    if row.state == .failed || row.state == .withdrawn { throw Self.nothing(row) }
    if row.state == .completed {
      try checkReach(row)
      let isHeld = try await database.transaction { tx in try Exports.isHeld(row.id, in: tx) }
      if row.removal == nil, isHeld { throw Self.stillHeld }
    }
    return try await show(id)
  }

  private static func nothing(_ row: ExportRow) -> ExportError {
    ExportError(.wrongState, "the export is \(row.state.rawValue); it has no package")
  }

  private static let stillHeld = ExportError(
    .held, "the package was made for a hold that is in force; it goes after its release")

  /// Stops an export that runs or was interrupted.
  @discardableResult
  package func cancel(_ id: String, actor: String) async throws -> ExportRecord {
    let row = try await row(id)
    guard row.state == .running || row.state == .cancelled else {
      throw ExportError(.wrongState, "the export is \(row.state.rawValue); there is nothing to cancel")
    }
    if row.state == .running { try await cancel(row, actor: actor) }
    return try await show(id)
  }

  /// Gives up on a withdrawn package whose home is lost, so that erasures do not wait for it for ever. The audit log
  /// says who takes that on themselves.
  /// - Throws: ``ExportError`` `.wrongState` for one that is not withdrawn, or is within reach.
  @discardableResult
  package func writeOff(_ id: String, actor: String) async throws -> ExportRecord {
    let row = try await row(id)
    guard row.state == .withdrawn, !row.sealed.isEmpty, row.insideHome || row.manifestHash == nil,
      try await deleteWithdrawn().beyondReach.contains(id)
    else { throw ExportError(.wrongState, "only a withdrawn package of a home that is lost is written off") }
    let entry = AuditEntry(
      tenant: tenant.id, actor: actor, action: "export.written_off", object: id,
      details: ["manifest_sha256": (row.manifestHash ?? []).hex])
    let (audit, now) = (audit, now())
    try await database.transaction { tx in
      try Exports.forget(row.id, in: tx)
      try audit.append([entry], at: now, in: tx)
    }
    return try await show(id)
  }

  private func row(_ id: String) async throws -> ExportRow {
    let unknown = ExportError(.unknownExport, "there is no export of that id")
    guard let number = ExportID.number(id) else { throw unknown }
    let found = try await database.transaction { tx in try Exports.find(number, in: tx) }
    guard let found, found.tenant == tenant.id else { throw unknown }
    return found
  }

  private func cancel(_ row: ExportRow, actor: String) async throws {
    let entry = AuditEntry(
      tenant: tenant.id, actor: actor, action: "export.cancelled", object: ExportID.text(row.id))
    let (audit, now) = (audit, now())
    let cancelled = try await database.transaction { tx in
      guard try Exports.cancel(row.id, at: now, in: tx) else { return false }
      try audit.append([entry], at: now, in: tx)
      return true
    }
    guard cancelled else {
      throw ExportError(.wrongState, "the export ended meanwhile", isRetryable: true)
    }
    try await clearCancelled(row)
  }

  private func remove(_ row: ExportRow, because reason: ExportRow.Removal, actor: String) async throws {
    try checkReach(row)
    let entry = AuditEntry(
      tenant: tenant.id, actor: actor, action: "export.\(reason.rawValue)", object: ExportID.text(row.id),
      details: ["manifest_sha256": (row.manifestHash ?? []).hex])
    let (audit, now) = (audit, now())
    try await database.transaction { tx in
      guard try !Exports.isHeld(row.id, in: tx) else { throw Self.stillHeld }
      guard try Exports.remove(row.id, because: reason, at: now, in: tx) else { return }
      try audit.append([entry], at: now, in: tx)
    }
    try await empty(row)
  }

  /// What an audit entry says of it must become true: it says nothing about a package of another home.
  private func checkReach(_ row: ExportRow) throws {
    guard row.insideHome else {
      throw ExportError(
        .beyondReach, "the package was written outside of the home; whoever has it deletes it")
    }
    let account = try accountSeal.open(row.sealed, id: row.id)
    guard reaches(account.path, of: account) || remains(of: row, account).left != nil else {
      throw Self.elsewhere
    }
  }

  static let elsewhere = ExportError(
    .beyondReach, "the package lies below the home of another server; delete it there")

  /// Removes packages whose time is up; those of holds that are in force wait.
  /// - Returns: how many were due, went, and wait; and those that could not be seen to.
  package func expire(actor: String) async throws -> (
    due: Int, done: Int, held: Int, troubles: [ExportTrouble]
  ) {
    var troubles = try await sweep()
    let (tenant, now) = (tenant.id, now())
    let due = try await database.transaction { tx in
      try ExportLinks.forget(overBefore: now, in: tx)
      return try Exports.due(tenant: tenant, at: now, in: tx)
    }
    var (done, held) = (0, 0)
    for row in due {
      try await noting(row, &troubles) {
        do {
          try await remove(row, because: .expired, actor: actor)
          done += 1
        } catch let error as ExportError where error.code == .held {
          held += 1
        }
      }
    }
    return (due.count, done, held, troubles)
  }

  /// Whether the tenant may make another package.
  func checkQuota(_ path: String) async throws {
    let tenant = tenant.id
    let usage = try await database.transaction { tx in try Exports.usage(tenant: tenant, in: tx) }
    guard usage.running < settings.runningMax else {
      throw ExportError(
        .busy,
        "\(usage.running) exports run or were interrupted, as many as exports.running allows; wait, or cancel one",
        isRetryable: true)
    }
    guard isInsideHome(path) else { return }
    if let most = settings.packagesMax, usage.packages >= most {
      throw ExportError(
        .quota, "there are \(usage.packages) packages, as many as exports.packages allows; delete one")
    }
    if let most = settings.bytesMax, usage.bytes >= most {
      throw ExportError(
        .quota, "packages have \(usage.bytes) bytes, as many as exports.bytes allows; delete one")
    }
  }

  /// Whether what is written so far is less than the tenant may have.
  func checkSpace(_ writing: ExportWriting) throws {
    guard let most = settings.bytesMax, writing.draft.writtenBytes > most,
      isInsideHome(writing.draft.destination)
    else { return }
    throw ExportError(.quota, "the package alone is bigger than exports.bytes allows; narrow the selection")
  }
}
