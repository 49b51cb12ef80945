import CXapian

/// The one writer of a database. Not Sendable: one thread's own. Between calls nothing is pending, so letting go of
/// it never loses and never half commits anything; after a call that threw, let go of it.
@safe
package final class XapianWriter {
  private let handle: OpaquePointer

  /// Makes an empty hot generation in the existing, empty `directory`.
  package static func create(_ directory: String, epoch: String, position: Int64 = 0) throws(XapianError) {
    try unsafe XapianError.check { unsafe cx_create(directory, epoch, position, $0) }
  }

  /// Opens the hot generation in `directory` for writing. What it writes anew or deletes leaves the `older` ones.
  ///
  /// - Throws: `.locked` while another writer has it; `.damaged`.
  package init(_ directory: String, older: [String] = []) throws(XapianError) {
    var handle: OpaquePointer?
    try unsafe XapianError.check { error in
      unsafe withPaths(older) { paths in
        unsafe cx_writer_open(directory, paths, older.count, &handle, error)
      }
    }
    unsafe self.handle = handle!
  }

  deinit { unsafe cx_writer_free(handle) }

  /// Of the feed, as last committed.
  package func position() throws(XapianError) -> Int64 {
    var position: Int64 = 0
    try unsafe XapianError.check { unsafe cx_writer_position(handle, &position, $0) }
    return position
  }

  /// Of the hot generation alone.
  package func documents() throws(XapianError) -> Int {
    var documents: UInt64 = 0
    try unsafe XapianError.check { unsafe cx_writer_documents(handle, &documents, $0) }
    return Int(documents)
  }

  /// Applies the batch and moves the position, all or nothing. Blocks on the disk.
  package func apply(_ batch: XapianBatch, position: Int64) throws(XapianError) {
    let bytes = batch.bytes
    try unsafe XapianError.check { unsafe cx_writer_apply(handle, bytes, bytes.count, position, $0) }
  }

  /// Deletes the documents of the sequences and those that hold any of the terms; the position stays.
  ///
  /// - Returns: how many documents went.
  package func delete(sequences: [Int64], terms: [[UInt8]]) throws(XapianError) -> Int {
    for sequence in sequences where !XapianLimits.sequences.contains(sequence) {
      throw XapianError(.badBatch, sequence: sequence)
    }
    guard terms.allSatisfy(XapianLimits.isStorable) else { throw XapianError(.badTerm) }
    let documents = sequences.map(XapianLimits.document)
    let names = terms.flatMap { [UInt8($0.count)] + $0 }
    var deleted: UInt64 = 0
    try unsafe XapianError.check {
      unsafe cx_writer_delete(handle, documents, documents.count, names, names.count, &deleted, $0)
    }
    return Int(deleted)
  }

  /// Writes a copy of what is live in a hot generation to the existing, empty `target`, synced, without the bytes
  /// deletions left.
  package static func compact(_ source: String, into target: String) throws(XapianError) {
    try unsafe XapianError.check { unsafe cx_compact(source, target, $0) }
  }

  /// Whether any file in `directory` holds the bytes: what a deletion leaves behind is still read by who has the
  /// disk. Reads everything.
  package static func contains(_ bytes: [UInt8], in directory: String) throws(XapianError) -> Bool {
    var isFound = false
    try unsafe XapianError.check { unsafe cx_contains(directory, bytes, bytes.count, &isFound, $0) }
    return isFound
  }
}
