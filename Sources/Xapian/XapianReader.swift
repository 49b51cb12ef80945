import CXapian

/// A reader of one database. Not Sendable: one thread's own. It sees one revision until ``refresh()``.
@safe
package final class XapianReader {
  let handle: OpaquePointer

  /// - Throws: `.notFound`, `.damaged`.
  package init(_ directory: String) throws(XapianError) {
    var handle: OpaquePointer?
    try unsafe XapianError.check { unsafe cx_reader_open(directory, &handle, $0) }
    unsafe self.handle = handle!
  }

  deinit { unsafe cx_reader_free(handle) }

  /// Moves on to the newest revision. About ten microseconds.
  package func refresh() throws(XapianError) {
    try unsafe XapianError.check { unsafe cx_reader_refresh(handle, $0) }
  }

  package struct State: Hashable, Sendable {
    /// Of the feed, committed with the documents.
    package let position: Int64
    package let documents: Int
    /// Rises by one a commit.
    package let revision: UInt64
  }

  package func state() throws(XapianError) -> State {
    var state = cx_state()
    try unsafe XapianError.check { unsafe cx_reader_state(handle, &state, $0) }
    return State(position: state.position, documents: Int(state.documents), revision: state.revision)
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
