import Model

@testable import SegmentFormat

/// What lies in a segment, but for how zstd made texts smaller: another version of it may make other bytes.
struct OpenedSegment: Equatable {
  struct Lane: Equatable {
    let sender: SubjectID
    let count: Int
    /// Without those that say what zstd did.
    let flags: UInt8
    /// Bytes before compression.
    let bytes: Int
  }

  private(set) var header: [UInt8]
  private(set) var routes: [RouteKey] = []
  private(set) var paces: [Int] = []
  private(set) var lanes: [[Lane]] = []
  private(set) var blocks: [[StoredMessage]] = []
  /// All that occur.
  private(set) var flags: UInt8 = 0
  private(set) var units: Set<UInt8> = []

  static func == (left: OpenedSegment, right: OpenedSegment) -> Bool {
    left.header == right.header && left.routes == right.routes && left.paces == right.paces
      && left.lanes == right.lanes && left.blocks == right.blocks
  }

  /// With all keys.
  init(_ bytes: [UInt8], keys: TestKeyring) throws {
    header = Array(bytes.prefix(SegmentIdentity.headerSize))
    let identity = try SegmentIdentity(header: header)
    let trailer = try SegmentTrailer(Array(bytes.suffix(SegmentTrailer.size)), objectSize: Int64(bytes.count))
    let directory = try SegmentReader.directory(
      footer: Array(bytes[trailer.footerRange]), at: trailer.footerOffset, identity: identity, keys: keys)
    for entry in directory {
      let block = Array(bytes[Int(entry.offset)..<Int(entry.offset) + Int(entry.length)])
      try open(block, entry, identity, keys)
    }
  }

  private mutating func open(
    _ block: [UInt8], _ entry: BlockEntry, _ identity: SegmentIdentity, _ keys: TestKeyring
  ) throws {
    var reader = ByteReader(block)
    let place = SegmentPlace.table(
      ordinal: entry.ordinal, conversation: entry.conversation, first: entry.firstPosition)
    let table = try LaneTable(
      bytes: place.open(try reader.blob(), key: try keys.table(entry.conversation), identity))
    let origin = BlockOrigin(
      period: identity.period, first: entry.firstPosition, pace: table.pace, count: Int(entry.count))
    var found: [Lane] = []
    for (number, lane) in table.lanes.enumerated() {
      let sealed = try reader.raw(lane.length)
      guard let key = keys.lane(lane.sender, entry.conversation) else { continue }
      let place = SegmentPlace.lane(
        ordinal: entry.ordinal, lane: number, conversation: entry.conversation, sender: lane.sender)
      let plain = try place.open(sealed, key: key, identity)
      var columns = try LaneColumnsReader(plain, count: lane.count)
      _ = try columns.contents(
        in: origin, limit: BlockEntry.plainBytesMax,
        dictionary: columns.needsDictionary ? keys.dictionary : nil)
      typealias Flag = LaneColumns.Flag
      flags |= plain[0]
      units.insert((plain[0] & Flag.unitMask) / Flag.unit)
      found.append(
        Lane(
          sender: lane.sender, count: lane.count,
          flags: plain[0] & ~(Flag.frame | Flag.block | Flag.dictionary), bytes: columns.bytesRead))
    }
    routes.append(entry.route)
    paces.append(table.pace)
    lanes.append(found)
    blocks.append(try SegmentReader.decode(entry, block, identity: identity, keys: keys).messages)
  }
}
