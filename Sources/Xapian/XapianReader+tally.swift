import CXapian

extension XapianReader {
  /// How often a term occurs, within the conversations that were asked for.
  package struct Tally: Sendable {
    package let term: [UInt8]
    package let documents: Int
    package let conversations: Int
    /// By the place of the watched conversation in the list.
    package let watched: [(place: Int, documents: Int)]
    /// Of all documents, if these are eight or fewer; else empty.
    package let sequences: [Int64]
  }

  /// The terms that begin with `prefix` and come behind `last`, about 1 MiB of them, in ascending order; reads all
  /// their postings.
  ///
  /// - Parameters:
  ///   - conversations: in ascending order; documents of others are not counted.
  ///   - watched: as many; which of them are told apart.
  /// - Returns: the terms, and whether there are more.
  package func tallies(
    prefix: [UInt8], after last: [UInt8], conversations: [Int64], watched: [Bool]
  ) throws(XapianError) -> (tallies: [Tally], isLast: Bool) {
    precondition(conversations.count == watched.count)
    let flags = watched.map { $0 ? UInt8(1) : 0 }
    var chunk = unsafe cx_bytes()
    var more = false
    try unsafe XapianError.check { error in
      unsafe prefix.withUnsafeBufferPointer { (prefix: UnsafeBufferPointer<UInt8>) in
        unsafe last.withUnsafeBufferPointer { (last: UnsafeBufferPointer<UInt8>) in
          unsafe conversations.withUnsafeBufferPointer { (ids: UnsafeBufferPointer<Int64>) in
            unsafe flags.withUnsafeBufferPointer { (flags: UnsafeBufferPointer<UInt8>) in
              var tally = unsafe cx_tally(
                prefix: prefix.baseAddress, prefix_count: prefix.count, after: last.baseAddress,
                after_count: last.count, conversations: ids.baseAddress, watched: flags.baseAddress,
                conversation_count: ids.count)
              return unsafe cx_reader_tally(handle, &tally, &chunk, &more, error)
            }
          }
        }
      }
    }
    let bytes = unsafe Array(UnsafeBufferPointer(start: chunk.bytes, count: chunk.count))
    unsafe cx_bytes_free(&chunk)
    var reader = TallyBytes(bytes)
    var tallies: [Tally] = []
    while !reader.isAtEnd { tallies.append(reader.tally()) }
    return (tallies, !more)
  }

  /// The sequences of a term's documents in one conversation.
  package func places(of term: [UInt8], conversation: Int64) throws(XapianError) -> [Int64] {
    var chunk = unsafe cx_bytes()
    try unsafe XapianError.check {
      unsafe cx_reader_places(handle, term, term.count, conversation, &chunk, $0)
    }
    let bytes = unsafe Array(UnsafeBufferPointer(start: chunk.bytes, count: chunk.count))
    unsafe cx_bytes_free(&chunk)
    var reader = TallyBytes(bytes)
    return (0..<bytes.count / 8).map { _ in Int64(bitPattern: reader.number(8)) }
  }
}

/// Of the shim's own making, in this process: cut short it would be a bug.
private struct TallyBytes {
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { offset == bytes.count }

  mutating func number(_ size: Int) -> UInt64 {
    var value: UInt64 = 0
    for place in 0..<size { value |= UInt64(bytes[offset + place]) << UInt64(8 * place) }
    offset += size
    return value
  }

  mutating func tally() -> XapianReader.Tally {
    let length = Int(number(1))
    let term = Array(bytes[offset..<offset + length])
    offset += length
    let (documents, conversations) = (Int(number(4)), Int(number(4)))
    let watched = (0..<Int(number(4))).map { _ in (place: Int(number(4)), documents: Int(number(4))) }
    let sequences = (0..<Int(number(4))).map { _ in Int64(bitPattern: number(8)) }
    return XapianReader.Tally(
      term: term, documents: documents, conversations: conversations, watched: watched,
      sequences: sequences)
  }
}
