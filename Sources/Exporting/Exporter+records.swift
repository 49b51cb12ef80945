import Catalog
import History
import Model
import Postgres

extension Exporter {
  /// All exports of the tenant, oldest first.
  package func list() async throws -> [ExportRecord] {
    let tenant = tenant.id
    let rows = try await database.transaction { tx in try Exports.list(tenant: tenant, in: tx) }
    return try rows.map(record)
  }

  /// - Parameter id: as in ``ExportRecord/id``.
  package func show(_ id: String) async throws -> ExportRecord {
    let found: ExportRow?
    if let number = ExportID.number(id) {
      found = try await database.transaction { tx in try Exports.find(number, in: tx) }
    } else {
      found = nil
    }
    guard let row = found, row.tenant == tenant.id else {
      throw ExportError(.unknownExport, "there is no export of that id")
    }
    return try record(row)
  }

  /// What is left of the making goes when the package has its name, and its size is written down then.
  private func isPacking(_ row: ExportRow, _ account: ExportAccount) -> Bool {
    row.state == .completed && row.removal == nil && row.contentBytes == 0
      && remains(of: row, account).left != nil
  }

  func record(_ row: ExportRow) throws -> ExportRecord {
    let account = row.sealed.isEmpty ? nil : try accountSeal.open(row.sealed, id: row.id)
    var record = ExportRecord(
      id: ExportID.text(row.id), tenant: row.tenant, state: row.state, formats: row.formats,
      path: account?.path,
      actor: account?.actor, counts: account?.counts ?? ExportCounts(), manifestHash: row.manifestHash,
      auditIndex: account?.auditIndex, insideHome: row.insideHome, createdAt: row.createdAt,
      finishedAt: row.finishedAt)
    record.contentBytes = row.contentBytes
    record.expiresAt = row.expiresAt
    record.removal = row.removal
    record.isUnattended = row.isUnattended
    record.failure = row.failure
    record.partBytes = account?.partBytes
    record.isPacking = account.map { isPacking(row, $0) } ?? false
    if row.state == .running {
      record.progress = ExportRecord.Progress(row)
      record.isInterrupted = !row.isUnattended && (account.map { isResumable(row, $0) } ?? false)
    }
    return record
  }
}
