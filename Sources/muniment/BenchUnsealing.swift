import Catalog
import History
import Model
import Postgres
import Runtime
import SegmentFormat
import Tiering

extension BenchHome {
  /// Opens every block of the archive, a segment at a time, and hands them on. Only the opening counts.
  func unseal(_ take: (SegmentRow, [BlockRun]) async throws -> Void = { _, _ in }) async throws -> (
    messages: Int, seconds: Double
  ) {
    let (database, tenant) = (application.database, tenant.id)
    let segments = try await database.transaction { tx in try Archive.segments(tenant: tenant, in: tx) }
    var messages = 0
    var seconds = 0.0
    for segment in segments {
      let blocks = try await database.transaction { tx in try Archive.blocks(segment: segment.id, in: tx) }
      var runs: [BlockRun] = []
      for block in blocks {
        let watch = Stopwatch()
        let read = try await application.history.archive.messages(block)
        seconds += watch.seconds
        messages += read.count
        runs.append(BlockRun(conversation: block.conversation, route: block.route, messages: read))
      }
      try await take(segment, runs)
    }
    return (messages, seconds)
  }
}
