import Catalog
import History
import Model
import Postgres
import SearchIndex

extension MessageSearch {
  /// The conversations in which the reader can see that somebody is or was: a membership that overlaps a window of
  /// the reader's, or a message the reader may read. Somebody the reader shares nothing with is answered as somebody
  /// who does not exist, and looked for in the same way.
  ///
  /// - Returns: also the groups of the index that could not say where there are messages, of those that have any of the
  ///   reader's conversations.
  func conversations(with name: String, _ scope: Scope) async throws -> (
    conversations: Set<ConversationID>, damaged: Set<Int>
  ) {
    let subject = try await directory.subject(name) ?? .nobody
    guard let windows = scope.windows else {
      let found = try await history.database.read { tx in
        try Memberships.conversations(of: subject, in: tx).map(\.0)
      }
      return (Set(found), [])
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
    let authored = try await index.facets(written, by: [.conversation])
    let conversations = Set(beside.map(\.conversation)).union(authored.conversations.keys)
    let asked = Set(windows.values.compactMap { $0.first?.route.group(of: groups) })
    return (conversations, authored.damaged.intersection(asked))
  }
}
