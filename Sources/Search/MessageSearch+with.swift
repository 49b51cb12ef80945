import Catalog
import History
import Model
import Postgres
import SearchIndex

extension MessageSearch {
  /// The conversations in which the reader can see that somebody is or was: a membership that overlaps a window of
  /// the reader's, or a message the reader may read. Somebody the reader shares nothing with is answered as somebody
  /// who does not exist.
  func conversations(with name: String, _ scope: Scope) async throws -> Set<ConversationID> {
    guard let subject = try await directory.subject(name) else { return [] }
    guard let windows = scope.windows else {
      return Set(
        try await history.database.read { tx in
          try Memberships.conversations(of: subject, in: tx).map(\.0)
        })
    }
    let presence = try await history.database.read { tx in
      try Memberships.presence(of: subject, in: tx)
    }
    let beside = presence.filter { span in
      windows[span.conversation]?.contains { $0.from < span.until && span.from < $0.until } ?? false
    }
    // Authors need not be members.
    var written = IndexQuery(clauses: [], scope: readScope(scope), senders: [subject], limit: 0)
    written.deadlineMilliseconds = deadlineMilliseconds
    let authored = try await index.facets(written, by: [.conversation]).conversations.keys
    return Set(beside.map(\.conversation)).union(authored)
  }
}
