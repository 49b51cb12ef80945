import Model
import Testing

@testable import SegmentFormat

@Suite struct BitColumnTests {
  @Test func numbersOfEveryWidthComeBack() throws {
    var generator = SeededGenerator.announced()
    let numbers = (0..<2_000).map { _ in
      let width = Int.random(in: 0...64, using: &generator)
      return (value: width == 0 ? 0 : generator.next() >> UInt64(64 - width), width: width)
    }
    var writer = BitWriter()
    for (value, width) in numbers {
      writer.write(value, bits: width)
      writer.write(sized: value, width: 7)
    }
    let length = (writer.count + 7) / 8
    var reader = BitReader([0xFF] + writer.finish() + [0xFF], from: 1)
    for (value, width) in numbers {
      #expect(try reader.read(width) == value, "MUNIMENT_SEED=\(generator.seed)")
      #expect(try reader.readSized(width: 7) == value, "MUNIMENT_SEED=\(generator.seed)")
    }
    #expect(try reader.finish() == 1 + length)
  }

  @Test func whatFillsTheLastByteMustBeZeros() throws {
    var reader = BitReader([0b101], from: 0)
    #expect(try reader.read(2) == 1)
    #expect(throws: MalformedBytes.self) { try reader.finish() }
    #expect(throws: MalformedBytes.self) { try reader.read(7) }
  }

  @Test func aSizeOver64BitsIsRefused() {
    var reader = BitReader([UInt8](repeating: 0xFF, count: 20), from: 0)
    #expect(throws: MalformedBytes.self) { try reader.readSized(width: 7) }
  }

  /// Every run of bits is some word: the lengths fill the code exactly, and no two words begin alike.
  @Test(arguments: PositionCode.times + PositionCode.sequences)
  func everySymbolComesBack(code: ClassCode) throws {
    var writer = BitWriter()
    for symbol in 0...code.escape { code.write(symbol, to: &writer) }
    var reader = BitReader(writer.finish(), from: 0)
    for symbol in 0...code.escape { #expect(try code.read(from: &reader) == symbol) }
    for word in 0..<(1 << 12) {
      var bits = BitReader([UInt8(word & 0xFF), UInt8(word >> 8)], from: 0)
      #expect(throws: Never.self) { try code.read(from: &bits) }
    }
  }

  /// Steps of no time and of a month, forwards and backwards in sequence, in quiet and busy feeds.
  @Test(arguments: LaneColumns.units)
  func positionsOfAnyStepComeBack(unit: Int64) throws {
    let period = Period(rawValue: 24_187)
    let steps: [(time: Int64, sequence: Int64)] = [
      (0, 1), (1, 1), (1, 2), (0, 900), (40_000, -5), (1, 70_000_000), (0, 1), (7, .max / 2), (3, 1),
    ]
    var (time, sequence): (Int64, Int64) = (0, 5)
    let messages = steps.map { step in
      (time, sequence) = (time + step.time, sequence &+ step.sequence)
      return StoredMessage(
        key: MessageKey(high: 1, low: sequence),
        position: MessagePosition(
          createdAt: Timestamp(microseconds: period.start.microseconds + time * unit), sequence: sequence),
        conversation: Fixture.room, sender: Fixture.ann, payload: [0])
    }
    for pace in [0, 3, 20, BlockOrigin.paceMax] {
      let first = MessagePosition(
        createdAt: Timestamp(microseconds: period.start.microseconds - 1), sequence: 0)
      for first in [first, messages[0].position] {
        let origin = BlockOrigin(period: period, first: first, pace: pace, count: messages.count)
        var columns = LaneColumns(
          messages, messages.map { PayloadParts(payload: $0.payload) }, in: origin, key: { _ in nil })
        var reader = try LaneColumnsReader(columns.packed(nil), count: messages.count)
        let read = try reader.contents(in: origin, limit: 1 << 20, dictionary: nil)
        #expect(read.positions == messages.map(\.position), "pace \(pace)")
      }
    }
  }
}
