package import Catalog
import History
import Model
import Postgres

extension Exporter {
  /// Puts an export in the books that nobody waits for, with what it takes in from this moment. A server writes it
  /// with ``carryOutUnattended(_:)``, however often it is stopped on the way.
  /// - Parameters: as of ``create(_:formats:output:as:partBytes:actor:progress:onStart:)``.
  /// - Returns: its id.
  package func prepare(
    _ selection: ExportSelection, formats: Set<ExportFormat>, output path: String,
    as packaging: ExportPackaging = .directory, partBytes: Int64? = nil, actor: String,
    onStart: @Sendable (String) async throws -> Void = { _ in }
  ) async throws -> String {
    try await sweep()
    let path = try await checked(selection, formats, path, packaging, partBytes)
    try await checkQuota(path)
    let job = try await begin(
      selection, formats, output: path, packaging, partBytes, unattended: true, actor: actor)
    let draft = try await draft(of: job)
    do {
      try await onStart(ExportID.text(job.row.id))
      let snapshot = try await snapshot(of: selection)
      try await blocking { [notes = draft.notes] in try notes.keep(snapshot) }
    } catch {
      await draft.abandon()
      try? await fail(job.row.id, because: error)
      throw error
    }
    return ExportID.text(job.row.id)
  }

  /// Writes a prepared export, or goes on with one, unless another process is at it or it is another home's.
  /// - Returns: `nil` where there is nothing to do now.
  package func carryOutUnattended(
    _ row: ExportRow, progress: @escaping @Sendable (ExportProgress) -> Void = { _ in }
  ) async throws -> ExportRecord? {
    guard row.tenant == tenant.id, row.state == .running else { return nil }
    let account = try accountSeal.open(row.sealed, id: row.id)
    guard try await blocking({ isResumable(row, account) }) else { return nil }
    return try await resume(row, progress)
  }
}
