import Blocking
package import Model
import Xapian

/// What the index holds of one document.
package struct IndexedDocument: Hashable, Sendable {
  package let sequence: Int64
  package let conversation: ConversationID
  package let sender: SubjectID
  package let createdAt: Timestamp
  /// ``IndexDocument/digest``, where it was asked for; otherwise of no meaning.
  package let digest: UInt64
}

extension SearchIndex {
  /// The group's documents of those sequences, by sequence. Those that are not there are missing.
  ///
  /// - Parameters:
  ///   - sequences: in ascending order; a few 100,000 at a time.
  ///   - withDigests: reads all postings of the group, whatever the number of sequences.
  package func contents(of sequences: [Int64], group: Int, withDigests: Bool) async throws -> [Int64:
    IndexedDocument]
  {
    let directory = directories[group]
    return try await runBlocking {
      // Handles of its own: the readers' threads are for searches.
      let found = try Self.steadily(directory) { list in
        let hot = try XapianReader(directory.path(of: list.hot))
        var found = try hot.contents(of: sequences, withDigests: withDigests)
        for name in list.older {
          let reader = try XapianReader(directory.path(of: name), isHot: false)
          try reader.refresh(hotPosition: try hot.state().position)
          found += try reader.contents(of: sequences, withDigests: withDigests)
        }
        return found
      }
      return Dictionary((found ?? []).map { ($0.sequence, IndexedDocument($0)) }) { first, _ in first }
    }
  }
}

extension IndexedDocument {
  fileprivate init(_ content: XapianReader.Content) {
    sequence = content.sequence
    conversation = ConversationID(rawValue: content.conversation)
    sender = SubjectID(rawValue: content.sender)
    createdAt = Timestamp(microseconds: content.createdAt)
    digest = content.digest
  }
}
