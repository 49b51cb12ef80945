import CXapian

/// A reader of one database. Not Sendable: one thread's own. It sees one revision until ``refresh()``.
@safe
package final class XapianReader {
  let handle: OpaquePointer

  /// - Parameter isHot: the generation is written to; others have their deletions beside them.
  /// - Throws: `.notFound`, `.damaged`.
  package init(_ directory: String, isHot: Bool = true) throws(XapianError) {
    var handle: OpaquePointer?
    try unsafe XapianError.check { unsafe cx_reader_open(directory, isHot, &handle, $0) }
    unsafe self.handle = handle!
  }

  deinit { unsafe cx_reader_free(handle) }

  /// Moves on to the newest revision of a hot generation, or to the deletions that count at `hotPosition`. A few
  /// microseconds.
  ///
  /// - Returns: the feed position of the hot generation.
  @discardableResult
  package func refresh(hotPosition: Int64 = 0) throws(XapianError) -> Int64 {
    var position: Int64 = 0
    try unsafe XapianError.check { unsafe cx_reader_refresh(handle, hotPosition, &position, $0) }
    return position
  }

  /// The creation time of the newest document ever put; `nil`: there was none.
  package var newest: Int64? {
    let time = unsafe cx_reader_newest(handle)
    return time == .min ? nil : time
  }

  package struct State: Hashable, Sendable {
    /// Of the feed, committed with the documents.
    package let position: Int64
    package let documents: Int
    /// Rises by one a commit.
    package let revision: UInt64
    /// Deleted documents whose terms are still in the files.
    package let tombstones: Int
    /// Creation times of what was ever put, microseconds since 1970; `nil`: nothing was.
    package let times: ClosedRange<Int64>?
    package let isSealed: Bool
  }

  package func state() throws(XapianError) -> State {
    var state = cx_state()
    try unsafe XapianError.check { unsafe cx_reader_state(handle, &state, $0) }
    return State(
      position: state.position, documents: Int(state.documents), revision: state.revision,
      tombstones: Int(state.tombstones),
      times: state.oldest <= state.newest ? state.oldest...state.newest : nil, isSealed: state.is_sealed)
  }

  /// Sums over all live documents with their records, terms and places. Those of several generations are added.
  package func fingerprint() throws(XapianError) -> (low: UInt64, high: UInt64) {
    var sums: [UInt64] = [0, 0]
    try unsafe XapianError.check { unsafe cx_fingerprint(handle, &sums, $0) }
    return (sums[0], sums[1])
  }

  /// Hands `body` every document with its record, terms and places, about 1 MiB at a time, in the byte form of
  /// CXapian.h; the same documents always give the same bytes.
  package func dump(_ body: ([UInt8]) -> Void) throws(XapianError) {
    var next: UInt32 = 1
    while next != 0 {
      var chunk = unsafe cx_bytes()
      let from = next
      try unsafe XapianError.check { unsafe cx_reader_dump(handle, from, &chunk, &next, $0) }
      let bytes = unsafe Array(UnsafeBufferPointer(start: chunk.bytes, count: chunk.count))
      unsafe cx_bytes_free(&chunk)
      body(bytes)
    }
  }
}
