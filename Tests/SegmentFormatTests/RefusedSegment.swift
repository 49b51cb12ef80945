import Foundation
import Model
import Sodium

@testable import SegmentFormat

/// Segments that every reader must reject, each for one reason: `Fixtures/segment-v1/refused.ndjson`, frozen like the
/// others and read under ``Fixture/keys`` without a dictionary.
struct RefusedSegment: Codable, Sendable {
  let name: String
  /// In hexadecimal.
  let segment: String

  private typealias Made = HandMadeSegment
  private typealias Lane = HandMadeSegment.Lane
  private typealias Block = HandMadeSegment.Block

  private init(_ name: String, _ made: HandMadeSegment) throws {
    (self.name, segment) = (name, try made.bytes().hex)
  }

  private init(_ name: String, bytes: [UInt8]) { (self.name, segment) = (name, bytes.hex) }

  /// A lane alone in its segment.
  private init(lane name: String, count: Int = 1, _ plain: [UInt8]) throws {
    let made = Made(blocks: [Block(lanes: [Lane(count: count, plain: plain)])])
    try self.init("lane: " + name, made)
  }

  static func all() throws -> [RefusedSegment] { try objects() + blocks() + columns() + texts() + limits() }

  private static var sound: HandMadeSegment {
    Made(blocks: [Block(lanes: [Lane(plain: Made.lane(Made.counted()))])])
  }

  private static func objects() throws -> [RefusedSegment] {
    func header(_ name: String, _ place: Int, _ bytes: [UInt8]) throws -> RefusedSegment {
      var made = sound
      made.header.replaceSubrange(place..<place + bytes.count, with: bytes)
      return try RefusedSegment("header: " + name, made)
    }
    func trailer(_ name: String, _ change: @escaping (inout [UInt8]) -> Void) throws -> RefusedSegment {
      var made = sound
      made.changeTrailer = change
      return try RefusedSegment("trailer: " + name, made)
    }
    func footer(_ name: String, _ change: @escaping (inout [UInt8]) -> Void) throws -> RefusedSegment {
      var made = sound
      made.changeFooter = change
      return try RefusedSegment("footer: " + name, made)
    }
    let bytes = try sound.bytes()
    var (cut, changed) = (Array(bytes.prefix(119)), bytes)
    cut.replaceSubrange(111..<119, with: SegmentTrailer.magic)
    changed[64] ^= 1
    return [
      try header("another magic", 7, [0x32]), try header("version 2", 8, [2]),
      try header("algorithms 2", 10, [2]), try header("zeros before the period", 14, [1]),
      try header("zeros at the end", 63, [1]), try header("period 11", 16, [11, 0, 0, 0]),
      try header("period 120000", 16, [0xC0, 0xD4, 1, 0]), try header("period -1", 16, [255, 255, 255, 255]),
      RefusedSegment("object: shorter than header and trailer", bytes: cut),
      RefusedSegment("object: a changed byte", bytes: changed),
      try trailer("another magic") { $0[55] ^= 1 }, try trailer("zeros") { $0[12] = 1 },
      try trailer("another hash") { $0[16] ^= 1 }, try trailer("a footer within the header") { $0[0] = 63 },
      try trailer("a footer that ends early") { $0[8] -= 1 },
      try footer("bytes left over") { $0.append(0) },
      try footer("fewer bytes than its entries") { $0.removeLast() },
      try footer("more blocks than it has") { $0[0] = 2 },
      try footer("blocks that are not all of it") { $0 = [0] },
    ]
  }

  private static func blocks() throws -> [RefusedSegment] {
    func block(_ name: String, _ change: (inout Block) -> Void) throws -> RefusedSegment {
      var made = sound
      change(&made.blocks[0])
      return try RefusedSegment("block: " + name, made)
    }
    let (first, second) = (Made.lane(Made.counted()), Made.lane(steps: [1], Made.counted()))
    let both = [Lane(plain: first), Lane(sender: Fixture.bob, plain: second)]
    /// The first lane is `first`, one after it `second`.
    func table(_ senders: [Int64], bits more: (UInt64, Int) = (0, 0)) -> [UInt8] {
      var bits = BitWriter()
      bits.write(sized: UInt64(senders.count), width: 4)
      bits.write(0, bits: 6)
      for (index, sender) in senders.enumerated() {
        let step = UInt64(bitPattern: sender &- (index == 0 ? 0 : senders[index - 1]))
        if index == 0 { bits.write(step, bits: 64) } else { bits.write(sized: step, width: 7) }
        bits.write(sized: 1, width: 4)
        bits.write(sized: UInt64([first, second][index].count + 16), width: 5)
      }
      bits.write(more.0, bits: more.1)
      return bits.finish()
    }
    return [
      try block("bytes after its lanes") { $0.tail = [0] },
      try block("more messages than its entry") { $0.count = 2 },
      try block("no message") { $0.count = 0 },
      try block("last before first") { $0 = Block(lanes: both, last: Made.position(-1)) },
      try block("first and last of one message differ") { $0.last = Made.position(1) },
      try block("a last position that no message has") { $0 = Block(lanes: both, last: Made.position(2)) },
      try block("a message after the last position") {
        $0 = Block(lanes: [both[0], Lane(sender: Fixture.bob, plain: Made.lane(steps: [9], Made.counted()))])
      },
      try block("two messages in one position") {
        $0 = Block(lanes: [both[0], Lane(sender: Fixture.bob, plain: first)])
      },
      try block("an author twice") {
        $0 = Block(lanes: [both[0], Lane(plain: second)], table: table([10, 10]))
      },
      try block("authors that descend") {
        $0 = Block(
          lanes: [Lane(sender: Fixture.bob, plain: first), Lane(plain: second)], table: table([11, 10]))
      },
      try block("a lane without messages") {
        $0 = Block(lanes: [both[0], Lane(sender: Fixture.bob, count: 0, plain: second)])
      },
      try block("no lanes") { $0.table = table([]) },
      try block("a table with bytes left over") { $0.table = table([10]) + [0] },
      try block("a table with bits left over") { $0.table = table([10], bits: (1, 1)) },
      try block("a table that ends early") { $0.table = Array(table([10]).dropLast()) },
    ]
  }

  private static func columns() throws -> [RefusedSegment] {
    let one = Made.counted()
    // The last code of sequences has words for sizes below 0: its first symbols stand for less than it takes away.
    var (small, large) = (BitWriter(), BitWriter())
    for step in [0, 1] as [UInt64] { Made.write(step, PositionCode.times[1], to: &small) }
    PositionCode.sequences[0].write(0, to: &small)
    PositionCode.sequences[4].write(0, to: &small)
    // 2^41 ms have 51 bits in microseconds, 51 more than the pace: symbols stand for 39 more than they count.
    Made.write(0, PositionCode.times[1], to: &large)
    Made.write(1 << 41, PositionCode.times[1], to: &large)
    PositionCode.sequences[0].write(0, to: &large)
    PositionCode.sequences[4].write(30, to: &large)
    for _ in 0..<8 { large.write(0, bits: 32) }
    return [
      try RefusedSegment(lane: "flag 128", Made.lane(flags: 144, one)),
      try RefusedSegment(lane: "flags 1 and 64", Made.lane(flags: 16 | 65, one)),
      try RefusedSegment(lane: "flag 2 alone", Made.lane(flags: 18, one)),
      try RefusedSegment(lane: "a dictionary that the segment does not name", Made.lane(flags: 82, one)),
      try RefusedSegment(lane: "nothing", []),
      try RefusedSegment(lane: "no shapes", Made.lane(flags: 24, shapes: [0], one)),
      try RefusedSegment(
        lane: "more shapes than messages", Made.lane(flags: 24, shapes: [2, 0, 0], numbers: [(0, 1)], one)),
      try RefusedSegment(
        lane: "bits 1 and 2", Made.lane(flags: 24, shapes: [1, 3], [5, 1, 0x6D, 2, 0, 0, 0])),
      try RefusedSegment(
        lane: "bit 128 and another", Made.lane(flags: 28, shapes: [1, 160], [UInt8](repeating: 0, count: 17))),
      try RefusedSegment(
        lane: "a whole payload without its key", Made.lane(flags: 24, shapes: [1, 128], [1, 0])),
      try RefusedSegment(lane: "content type 0", Made.lane(flags: 24, shapes: [1, 64, 1, 0], one)),
      try RefusedSegment(lane: "content type 4", Made.lane(flags: 24, shapes: [1, 64, 1, 4], one)),
      try RefusedSegment(
        lane: "a shape that is not in the table", count: 3,
        Made.lane(
          flags: 24, shapes: [3, 0, 64, 1, 1, 64, 1, 2], numbers: [(3, 2), (0, 2), (0, 2)], steps: [0, 1, 1],
          Made.counted(3))),
      try RefusedSegment(lane: "bits left over", Made.joined([16, Made.lane([])[1] | 0x80], one)),
      try RefusedSegment(
        lane: "a size below 0", count: 2, Made.joined([16], small.finish(), Made.counted(2))),
      try RefusedSegment(
        lane: "a size over 64", count: 2, Made.joined([16], large.finish(), Made.counted(2))),
      try RefusedSegment(lane: "bits that end early", [16]),
      try RefusedSegment(
        lane: "a reply to message 3 of 2", count: 2,
        Made.lane(
          flags: 24, shapes: [1, 4], steps: [0, 1], replies: [(1, 1), (3, 2), (1, 1), (0, 2)], Made.counted(2)
        )),
      try RefusedSegment(
        lane: "a reply to an empty id",
        Made.lane(flags: 24, shapes: [1, 4], replies: [(1, 1), (1, 1)], [0, 0, 0x48, 0])),
      try RefusedSegment(
        lane: "a reply to a whole payload", count: 2,
        Made.lane(
          flags: 28, shapes: [2, 4, 128], numbers: [(0, 1), (1, 1)], steps: [0, 1],
          replies: [(1, 1), (2, 2)],
          Made.joined([UInt8](repeating: 0, count: 32), [5, 1, 0x6D, 2, 1, 9, 0]))),
    ]
  }

  private static func texts() throws -> [RefusedSegment] {
    let text: [UInt8] = [0x48, 0x69, 0]
    // Frames without their magic (RFC 8878, 3.1.1): content size in a byte, one raw block.
    let frame: [UInt8] = [0x20, 3, 25, 0, 0] + text
    let unsized: [UInt8] = [0x00, 0x38, 25, 0, 0] + text
    func lane(_ name: String, flags: UInt8 = 16, _ rest: [UInt8]) throws -> RefusedSegment {
      try RefusedSegment(lane: name, Made.lane(flags: flags, rest))
    }
    let ids: [UInt8] = [5, 1, 0x6D, 2]
    let zeros = [UInt8](repeating: 0, count: 15)
    return [
      try lane("form 6 of ids", [6, 1, 0x6D, 2] + text),
      try lane("a version over 15", Made.joined([2, 16], zeros, [0], text)),
      try lane("bits after ids", Made.joined([2, 4], zeros, [4], text)),
      try lane("a number below 0", [5, 1, 0x6D, 1] + text),
      try lane("a blob past the end", [5, 9, 0x6D, 2] + text),
      try lane(
        "a varint over 64 bits", Made.joined([5, 1, 0x6D], [UInt8](repeating: 0xFF, count: 9), [2], text)),
      try lane(
        "a varint of eleven bytes", Made.joined([5, 1, 0x6D], [UInt8](repeating: 0x80, count: 10), [0], text)),
      try lane("an id that ends early", [1] + zeros),
      try lane("text left over", ids + text + [0]), try lane("a body without its zero byte", ids + [0x48]),
      try lane("no frame", flags: 17, ids + text),
      try lane("a frame without its size", flags: 17, ids + unsized),
      try lane("a frame with a byte behind it", flags: 17, ids + frame + [0]),
      try lane(
        "a frame and another of nothing", flags: 17, ids + frame + [0x28, 0xB5, 0x2F, 0xFD, 0x20, 0, 1, 0, 0]),
      try lane("a frame that ends early", flags: 17, ids + frame.dropLast()),
      try lane("no bare block", flags: 80, ids),
      try lane("a bare block of nonsense", flags: 80, ids + [255, 255, 255, 255]),
    ]
  }

  private static func limits() throws -> [RefusedSegment] {
    let count = BlockEntry.messagesMax
    let steps: [UInt64] = [0] + [UInt64](repeating: 1, count: count - 1)
    let size = BlockEntry.payloadBytesMax / count + 1
    let zeros = [UInt8](repeating: 0, count: count)
    var length = ByteWriter()
    length.blob([UInt8](repeating: 0x61, count: size))
    let long = length.bytes
    // A frame that declares 33 MiB in four bytes.
    let bomb: [UInt8] = [5, 1, 0x6D, 2, 0xA0, 0, 0, 0x10, 2, 1, 0, 0]
    return [
      try RefusedSegment(lane: "a frame that declares over 32 MiB", Made.lane(flags: 17, bomb)),
      try RefusedSegment(
        lane: "a prefix that makes ids over 64 MiB", count: count,
        Made.lane(steps: steps, Made.joined([5], long, zeros, zeros))),
      try RefusedSegment(
        lane: "a content type that makes payloads over 64 MiB", count: count,
        Made.lane(
          flags: 24, shapes: Made.joined([1, 64], long), steps: steps, Made.joined([5, 0], zeros, zeros))),
      try RefusedSegment(
        "limits: 4,097 messages",
        Made(blocks: [
          Block(lanes: [
            Lane(count: count, plain: Made.lane(steps: steps, Made.joined([5, 0], zeros, zeros))),
            Lane(sender: Fixture.bob, plain: Made.lane(steps: [UInt64(count)], Made.counted())),
          ])
        ])),
    ]
  }

  /// As they lie in the file.
  static func lines(_ segments: [RefusedSegment]) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return try segments.reduce(into: Data()) { $0 += try encoder.encode($1) + Data("\n".utf8) }
  }
}
