import CXapian

/// Why Xapian, or the shim around it, could not do what was asked. `description` is safe to show: what Xapian said
/// may quote terms, so it is in `debugDescription` only.
package struct XapianError: Error, CustomStringConvertible, CustomDebugStringConvertible {
  package enum Code: String, Sendable {
    /// Another writer has the database.
    case locked
    /// The revision being read is gone: reopen and run the whole request again.
    case modified
    case notFound = "not_found"
    case damaged
    /// A term that is empty or that Xapian cannot store.
    case badTerm = "bad_term"
    /// A batch with an id, time or position out of range, or too large.
    case badBatch = "bad_batch"
    case badQuery = "bad_query"
    case deadline
    case io
    case noMemory = "no_memory"
    case failed
  }

  package let code: Code
  /// The document at fault, where there is one.
  package let sequence: Int64?
  /// Xapian's own words. May quote terms.
  private let detail: String

  package init(_ code: Code, sequence: Int64? = nil, detail: String = "") {
    self.code = code
    self.sequence = sequence
    self.detail = detail
  }

  /// Running the same request again may succeed.
  package var isRetryable: Bool {
    switch code {
    case .locked, .modified, .deadline, .io, .noMemory: true
    default: false
    }
  }

  package var description: String {
    switch code {
    case .locked: "another process writes to the search index"
    case .modified: "the search index changed during the request"
    case .notFound: "there is no search index here"
    case .damaged: "the search index is damaged"
    case .badTerm: "a term is empty or longer than the search index can store"
    case .badBatch: "a change to the search index is out of its limits"
    case .badQuery: "the query is not well formed"
    case .deadline: "the query took too long"
    case .io: "reading or writing the search index failed"
    case .noMemory: "out of memory"
    case .failed: "the search index failed"
    }
  }

  package var debugDescription: String { "\(description) (\(code.rawValue): \(detail))" }

  private init(status: CInt, detail: String) {
    let code: Code =
      switch UInt32(bitPattern: status) {
      case CX_LOCKED.rawValue: .locked
      case CX_MODIFIED.rawValue: .modified
      case CX_NOT_FOUND.rawValue: .notFound
      case CX_DAMAGED.rawValue: .damaged
      case CX_BAD_BATCH.rawValue: .badBatch
      case CX_BAD_QUERY.rawValue: .badQuery
      case CX_DEADLINE.rawValue: .deadline
      case CX_IO.rawValue: .io
      case CX_NO_MEMORY.rawValue: .noMemory
      default: .failed
      }
    self.init(code, detail: detail)
  }

  /// Runs one call of the shim and throws what it reports.
  static func check(_ call: (UnsafeMutablePointer<cx_error>) -> CInt) throws(XapianError) {
    var error = unsafe cx_error()
    let status = unsafe call(&error)
    guard status != 0 else { return }
    // The message is ours from here on.
    let detail = unsafe error.message.map { unsafe String(cString: $0) } ?? ""
    unsafe cx_error_clear(&error)
    throw XapianError(status: status, detail: detail)
  }
}
