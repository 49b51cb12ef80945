package import Xapian

/// Why the search index could not do what was asked. `description` is safe to show anyone: it quotes no terms.
package struct SearchIndexError: Error, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// Another process writes to the group. Try again later.
    case locked
    /// The group's files are not what was written.
    case damaged
    /// A document's term is empty or too long; `sequence` says which document. Nothing of the batch was applied.
    case badTerm = "bad_term"
    /// An id, time or position out of range; nothing of the batch was applied.
    case badBatch = "bad_batch"
    case badQuery = "bad_query"
    case deadline
    /// Commits came faster than the request could be run again.
    case busy
    /// After a purge, bytes of what was purged are still in the group's files.
    case residue
    case closed
    case io
    case failed
  }

  package let code: Code
  package let group: Int?
  /// The document at fault, where there is one.
  package let sequence: Int64?
  package let underlying: XapianError?

  package init(
    _ code: Code, group: Int? = nil, sequence: Int64? = nil, underlying: XapianError? = nil
  ) {
    self.code = code
    self.group = group
    self.sequence = sequence
    self.underlying = underlying
  }

  init(_ error: XapianError, group: Int?) {
    let code: Code =
      switch error.code {
      case .locked: .locked
      case .modified: .busy
      case .notFound, .damaged: .damaged
      case .badTerm: .badTerm
      case .badBatch: .badBatch
      case .badQuery: .badQuery
      case .deadline: .deadline
      case .io: .io
      case .noMemory, .failed: .failed
      }
    self.init(code, group: group, sequence: error.sequence, underlying: error)
  }

  /// Running the same request again may succeed.
  package var isRetryable: Bool {
    switch code {
    case .locked, .deadline, .busy, .io: true
    case .failed: underlying?.isRetryable ?? false
    default: false
    }
  }

  /// What an operator does about it.
  package var nextStep: String? {
    switch code {
    case .locked: "wait for the other process, or stop it"
    case .damaged: "run `muniment index rebuild`"
    case .residue: "run the erasure again"
    case .deadline: "narrow the search to fewer conversations or a shorter time"
    case .busy: "try again"
    case .io: "check free space, limits and rights of the index directory"
    default: nil
    }
  }

  package var description: String {
    let place = group.map { " group \($0)" } ?? ""
    switch code {
    case .locked: return "search index\(place): another process writes to it"
    case .damaged: return "search index\(place) is damaged: run `muniment index rebuild`"
    case .badTerm: return "search index\(place): a term of document \(sequence ?? 0) is empty or too long"
    case .badBatch: return "search index\(place): a change is out of range"
    case .badQuery:
      return """
        the query is not well formed, or larger than \(TermTree.nodesMax) words a set, \(TermTree.depthMax) levels or \
        \(IndexQuery.clausesMax) sets
        """
    case .deadline:
      return "the search took too long: narrow it to fewer conversations or a shorter time"
    case .busy: return "search index\(place): it changed faster than it could be read"
    case .residue: return "search index\(place): traces of what was purged are left in its files"
    case .closed: return "the search index is closed"
    case .io: return "search index\(place): reading or writing its files failed"
    case .failed: return "search index\(place) failed"
    }
  }
}
