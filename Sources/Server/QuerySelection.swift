package import Exporting
import Model
package import Search
import SearchTokens

/// Exports of what a query finds: the search and the export do not know each other.
package struct QuerySelection: Sendable {
  let search: MessageSearch
  let exporter: Exporter

  package init(search: MessageSearch, exporter: Exporter) {
    self.search = search
    self.exporter = exporter
  }

  /// The selection narrowed to the query's hits and what goes along with them. Searches as compliance does, so that
  /// the caller audits it; the export's own entry is that.
  /// - Parameters:
  ///   - subject: the selection's, by the platform's id.
  ///   - conversations: the selection's, by the platform's ids.
  package func narrow(
    _ selection: ExportSelection, subject: String?, conversations: [String], query text: String,
    context: ExportQuery.Context, threads: Bool
  ) async throws -> ExportSelection {
    var request = try SearchRequest(try ParsedQuery(text))
    // The selection is checked again on what is found; here it only keeps the search from looking everywhere.
    if request.conversationIDs == nil, !conversations.isEmpty { request.conversationIDs = conversations }
    if request.from == nil { request.from = subject.map { [$0] } }
    if let to = selection.to { request.before = min(request.before ?? .latest, to) }
    if let from = selection.from {
      // One microsecond early, as a search's beginning is the end of a time named before it.
      request.after = max(request.after ?? .earliest, Timestamp(microseconds: from.microseconds - 1))
    }
    let found = try await search.gather(request, withThreads: threads)
    return try await exporter.narrow(
      selection, to: found.hits, mates: found.threadMates, context: context,
      stating: ExportQuery(text: text, context: context, threads: threads, complete: found.isComplete))
  }
}
