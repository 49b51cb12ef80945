import CXapian

extension XapianReader {
  /// What a database says of one document.
  package struct Content: Hashable, Sendable {
    package let sequence: Int64
    package let conversation: Int64
    package let sender: Int64
    package let createdAt: Int64
    /// Over the record, and where asked for the terms and their places.
    package let digest: UInt64
  }

  /// The documents of those sequences that are there.
  ///
  /// - Parameters:
  ///   - sequences: in ascending order.
  ///   - withDigests: reads all postings of the database.
  package func contents(of sequences: [Int64], withDigests: Bool) throws(XapianError) -> [Content] {
    var found = [cx_content](repeating: cx_content(), count: sequences.count)
    try unsafe XapianError.check {
      unsafe cx_contents(handle, sequences, sequences.count, withDigests, &found, $0)
    }
    return zip(sequences, found).compactMap { sequence, content in
      guard content.is_present else { return nil }
      return Content(
        sequence: sequence, conversation: content.conversation, sender: content.sender,
        createdAt: content.created_at, digest: content.digest)
    }
  }
}
