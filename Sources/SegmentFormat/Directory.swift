import Model

/// The footer's content: one entry a block, column by column.
enum Directory {
  /// No entry takes fewer bytes, or more.
  static let entryBytesMin = 7 + BlockEntry.hashSize
  static let entryBytesMax = 72 + BlockEntry.hashSize

  static func bytes(_ entries: [BlockEntry], period: Period) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: entries.count * 48 + 4)
    writer.varint(entries.count)
    var conversation: Int64 = 0
    for (index, entry) in entries.enumerated() {
      writer.signed(entry.conversation.rawValue &- conversation)
      // The same conversation has the same route.
      if index == 0 || entry.conversation.rawValue != conversation { writer.fixed(entry.route.rawValue) }
      conversation = entry.conversation.rawValue
    }
    let start = period.start.microseconds
    for entry in entries { writer.signed(entry.firstPosition.createdAt.microseconds &- start) }
    for entry in entries {
      let (first, last) = (entry.firstPosition.createdAt, entry.lastPosition.createdAt)
      writer.varint(UInt64(bitPattern: last.microseconds &- first.microseconds))
    }
    var sequence: Int64 = 0
    for entry in entries {
      writer.signed(entry.firstPosition.sequence &- sequence)
      writer.signed(entry.lastPosition.sequence &- entry.firstPosition.sequence)
      sequence = entry.firstPosition.sequence
    }
    for entry in entries {
      writer.varint(UInt64(UInt32(entry.count)))
      writer.varint(UInt64(UInt32(entry.length)))
    }
    for entry in entries { writer.raw(entry.hash) }
    return writer.bytes
  }

  /// - Parameter end: where the footer begins, which is where the last block must end.
  static func entries(_ bytes: [UInt8], period: Period, end: Int64) throws(MalformedBytes) -> [BlockEntry] {
    var reader = ByteReader(bytes)
    let count = try reader.count(limit: min(SegmentWriter.blocksMax, bytes.count / entryBytesMin))
    let places = try places(count, &reader)
    let spans = try spans(count, period, &reader)
    var sizes: [(count: Int, length: Int)] = []
    for _ in 0..<count {
      sizes.append(
        (try reader.count(limit: BlockEntry.messagesMax), try reader.count(limit: BlockEntry.bytesMax)))
    }
    var entries: [BlockEntry] = []
    var offset = Int64(SegmentIdentity.headerSize)
    for index in 0..<count {
      let (first, last) = spans[index]
      let size = sizes[index]
      guard size.count > 0, size.length > 0, size.count == 1 ? first == last : first < last else {
        throw MalformedBytes("block entry")
      }
      entries.append(
        BlockEntry(
          ordinal: Int32(index), conversation: places[index].0, route: places[index].1, firstPosition: first,
          lastPosition: last, count: Int32(size.count), offset: offset, length: Int32(size.length),
          hash: try reader.raw(BlockEntry.hashSize)))
      offset += Int64(size.length)
    }
    guard reader.atEnd, offset == end else { throw MalformedBytes("footer") }
    return entries
  }

  private static func places(_ count: Int, _ reader: inout ByteReader) throws(MalformedBytes)
    -> [(ConversationID, RouteKey)]
  {
    var places: [(ConversationID, RouteKey)] = []
    for _ in 0..<count {
      let step = try reader.signed()
      if step == 0, let last = places.last {
        places.append(last)
      } else {
        let conversation = (places.last?.0.rawValue ?? 0) &+ step
        places.append(
          (ConversationID(rawValue: conversation), RouteKey(rawValue: try reader.fixed(Int64.self))))
      }
    }
    return places
  }

  private static func spans(_ count: Int, _ period: Period, _ reader: inout ByteReader) throws(MalformedBytes)
    -> [(MessagePosition, MessagePosition)]
  {
    var firsts: [Int64] = []
    for _ in 0..<count { firsts.append(period.start.microseconds &+ (try reader.signed())) }
    var lasts: [Int64] = []
    for first in firsts { lasts.append(first &+ Int64(bitPattern: try reader.varint())) }
    var spans: [(MessagePosition, MessagePosition)] = []
    var sequence: Int64 = 0
    for index in 0..<count {
      sequence &+= try reader.signed()
      let last = sequence &+ (try reader.signed())
      spans.append(
        (
          MessagePosition(createdAt: Timestamp(microseconds: firsts[index]), sequence: sequence),
          MessagePosition(createdAt: Timestamp(microseconds: lasts[index]), sequence: last)
        ))
    }
    return spans
  }
}
