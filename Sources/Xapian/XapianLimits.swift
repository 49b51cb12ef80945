import CXapian

/// What a database takes.
package enum XapianLimits {
  /// Bytes of a term.
  package static let termBytes = Int(CX_TERM_BYTES_MAX)
  /// Nodes above one another in a query's tree, the binding's own among them.
  package static let treeDepth = Int(CX_TREE_DEPTH_MAX)
  /// Of the first word of a text.
  package static let firstPosition = UInt64(CX_FIRST_POSITION)
  /// Bytes of one batch; Xapian holds several times as much until the commit.
  package static let batchBytes = 256 << 20
  package static let sequences: ClosedRange<Int64> = 1...Int64(Int32.max)

  /// Whether Xapian can store the term. A zero byte counts twice in the B-tree's key; one too many and the commit
  /// fails, taking the whole batch with it.
  package static func isStorable(_ term: [UInt8]) -> Bool {
    guard (1...termBytes).contains(term.count) else { return false }
    return term.count + term.count { $0 == 0 } <= Int(CX_TERM_KEY_BYTES_MAX)
  }

  /// The id of a sequence's document: newest first in ascending order.
  static func document(_ sequence: Int64) -> UInt32 { UInt32(Int64(CX_DOCUMENT_BASE) - sequence) }
}

/// A monotonic clock: what deadlines are measured on.
package enum XapianClock {
  /// Microseconds since some point in the past.
  package static var now: Int64 { cx_clock() }
}
