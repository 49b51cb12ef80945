import Foundation
import Model
import Testing

@testable import SegmentFormat

/// Footers, lane tables and lanes of any bytes, rightly sealed, in whole segments: each is read or refused, and what is
/// read is no more than it says.
@Suite struct AnyBytesTests {
  private typealias Made = HandMadeSegment

  private static func mutated(_ bytes: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
      let index = Int.random(in: bytes.indices, using: &generator)
      switch Int.random(in: 0...5, using: &generator) {
      case 0: bytes.remove(at: index)
      case 1: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: index)
      case 2: bytes.removeSubrange(index...)
      case 3: bytes[index] = [0, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
      default: bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      }
    }
    return bytes
  }

  private static let lanes: [[UInt8]] = [
    Made.lane(
      flags: 24, shapes: [2, 4, 64, 1, 1], numbers: [(0, 1), (1, 1)], steps: [0, 1],
      replies: [(1, 1), (2, 2)], Made.counted(2)),
    Made.lane(
      flags: 28, shapes: [2, 128, 1], numbers: [(0, 1), (1, 1)], steps: [0, 1],
      Made.joined(
        [UInt8](repeating: 7, count: 32),
        [5, 1, 0x6D, 2, 2, 9, 9, 3, 1, 8, 2, 0x6B, 0x31, 2, 0x64, 0x31, 1, 0])),
    Made.lane(
      flags: 17, steps: [0, 1],
      Made.joined([1], [UInt8](repeating: 5, count: 32), [0x20, 4, 33, 0, 0, 0x48, 0, 0x49, 0])),
  ]

  @Test func aSegmentOfAnyBytesIsReadOrRefused() throws {
    var generator = SeededGenerator.announced()
    var keys = Fixture.keys
    keys.dictionary = nil
    // About ten minutes in the long form.
    let isLong = ProcessInfo.processInfo.environment["MUNIMENT_SLOW_TESTS"] == "1"
    var taken = 0
    for _ in 0..<(isLong ? 600_000 : 1_500) {
      var lane = try #require(Self.lanes.randomElement(using: &generator))
      var made = Made()
      let place = Int.random(in: 0...3, using: &generator)
      if place == 0 { lane = Self.mutated(lane, using: &generator) }
      var block = Made.Block(lanes: [Made.Lane(count: 2, plain: lane)])
      if place == 1 {
        let length = lane.count + SegmentPlace.overhead
        let table = LaneTable(lanes: [.init(sender: Fixture.ann, count: 2, length: length)], pace: 0)
        block.table = Self.mutated(table.bytes, using: &generator)
      }
      made.blocks = [block]
      var state = generator
      if place == 2 { made.changeFooter = { $0 = Self.mutated($0, using: &state) } }
      var bytes = try made.bytes()
      if place == 2 { generator = state }
      if place == 3 { bytes = Self.mutated(bytes, using: &generator) }
      do {
        let read = try SegmentBytes.readAll(bytes, keys: keys, hashing: false)
        #expect(read.count <= BlockEntry.messagesMax, "MUNIMENT_SEED=\(generator.seed)")
        taken += 1
      } catch let error as SegmentError {
        let codes: [SegmentError.Code] = [
          .damaged, .overLimit, .truncated, .notASegment, .unsupportedVersion,
        ]
        #expect(codes.contains(error.code), "\(error), MUNIMENT_SEED=\(generator.seed)")
      }
    }
    #expect(taken > 0)
  }
}
