import Foundation
import Model
import Sodium
import Testing

@testable import SegmentFormat

/// Version 1 of segments is frozen: what was written once is read for ever, what must be rejected stays so, and what is
/// written today a reader of the first day can read.
@Suite struct FrozenSegmentTests {
  private static func lines(_ name: String) throws -> [FrozenLine] {
    try FrozenLine.lines(Fixture.data("segment-v1/\(name).ndjson"))
  }

  private static func lines(_ read: [StoredMessage], of written: Int) -> [FrozenLine] {
    read.map { FrozenLine($0) } + [FrozenLine(unreadable: written - read.count)]
  }

  @Test(arguments: FrozenSegment.all)
  func itIsReadForEver(segment: FrozenSegment) throws {
    let read = try SegmentBytes.readAll(segment.bytes(), keys: segment.keys(), hashing: true)
    #expect(read == segment.readable)
    #expect(try Self.lines(segment.name) == Self.lines(read, of: segment.messages.count))
  }

  /// No writer of this program makes these: an author's message that another replied to by number is read without the
  /// author's key; and a lane in which everything is told otherwise than a writer would.
  @Test(arguments: [("example-without-bob", 7), ("odd", 4)])
  func whatIsUnusualIsReadForEver(name: String, messages: Int) throws {
    let bytes = try Fixture.bytes("segment-v1/\(name).hex")
    let read = try SegmentBytes.readAll(bytes, keys: FrozenKeys.read(name), hashing: true)
    #expect(try Self.lines(name) == Self.lines(read, of: messages))
  }

  /// Byte for byte, or, where another zstd is installed, but for what that one made.
  @Test(arguments: FrozenSegment.all)
  func itIsWrittenAsItWas(segment: FrozenSegment) throws {
    let (frozen, keys) = (try segment.bytes(), try segment.writersKeys())
    let written = try SegmentBytes(segment.blocks, keys: keys, identity: segment.identity).bytes
    guard written != frozen else { return }
    #expect(try OpenedSegment(written, keys: keys) == OpenedSegment(frozen, keys: keys))
  }

  @Test func thePartsOfTheFormatAllOccur() throws {
    var opened = try FrozenSegment.all.map { try OpenedSegment($0.bytes(), keys: $0.writersKeys()) }
    opened.append(try OpenedSegment(Fixture.bytes("segment-v1/odd.hex"), keys: Fixture.keys))
    var (flags, shapes): (UInt8, UInt8) = (0, 0)
    var (units, forms): (Set<UInt8>, Set<UInt8>) = ([], [])
    for segment in opened {
      flags |= segment.flags
      units.formUnion(segment.units)
    }
    #expect(flags == LaneColumns.Flag.all)
    #expect(units == [0, 1, 2, 3])
    for messages in opened.flatMap(\.blocks) {
      for lane in Dictionary(grouping: messages, by: \.sender).values {
        let parts = lane.map { PayloadParts(payload: $0.payload) }
        for part in parts { shapes |= PayloadShape(part).bits }
        var (columns, text) = (ByteWriter(), ByteWriter())
        IDColumn.write(parts.filter { !$0.isWhole }.map(\.id), to: &columns, text: &text)
        if let form = columns.bytes.first { forms.insert(form) }
      }
    }
    #expect(shapes == 255)
    #expect(forms == [0, 1, 2, 3, 4, 5])
  }

  @Test func whatMustBeRejectedIs() throws {
    let frozen = try Fixture.data("segment-v1/refused.ndjson").split(separator: 0x0A).map {
      try JSONDecoder().decode(RefusedSegment.self, from: Data($0))
    }
    let made = try RefusedSegment.all()
    #expect(frozen.map(\.name) == made.map(\.name))
    for (frozen, made) in zip(frozen, made) where frozen.segment != made.segment {
      Issue.record("\(frozen.name): made otherwise than frozen")
    }
    var keys = Fixture.keys
    keys.dictionary = nil
    for segment in frozen {
      let bytes = try #require([UInt8](hex: segment.segment))
      #expect(throws: SegmentError.self, "\(segment.name)") {
        try SegmentBytes.readAll(bytes, keys: keys, hashing: true)
      }
    }
    let sound = try HandMadeSegment(blocks: [
      .init(lanes: [.init(plain: HandMadeSegment.lane(HandMadeSegment.counted()))])
    ]).bytes()
    #expect(try SegmentBytes.readAll(sound, keys: keys, hashing: true).count == 1)
  }

  /// What the parts of the worked example open to is on the page, from their first bytes on.
  @Test func thePageShowsWhatPartsOpenTo() throws {
    let (page, bytes) = (try Fixture.page("segment-v1.md"), try Fixture.bytes("segment-v1.hex"))
    let identity = try SegmentIdentity(header: Array(bytes.prefix(SegmentIdentity.headerSize)))
    let trailer = try SegmentTrailer(Array(bytes.suffix(SegmentTrailer.size)), objectSize: Int64(bytes.count))
    let keys = Fixture.keys
    let footer = try SegmentPlace.footer(offset: trailer.footerOffset).open(
      Array(bytes[trailer.footerRange]), key: keys.footer(identity), identity)
    #expect(page.contains("opensto`" + Array(footer.prefix(8)).hex))
    let directory = try SegmentReader.directory(
      footer: Array(bytes[trailer.footerRange]), at: trailer.footerOffset, identity: identity, keys: keys)
    for entry in directory {
      var reader = ByteReader(bytes, in: Int(entry.offset)..<Int(entry.offset) + Int(entry.length))
      let place = SegmentPlace.table(
        ordinal: entry.ordinal, conversation: entry.conversation, first: entry.firstPosition)
      let table = try place.open(try reader.blob(), key: try keys.table(entry.conversation), identity)
      if entry.ordinal == 0 { #expect(page.contains("opensto`" + table.hex + "`")) }
      for (number, lane) in try LaneTable(bytes: table).lanes.enumerated() {
        let place = SegmentPlace.lane(
          ordinal: entry.ordinal, lane: number, conversation: entry.conversation, sender: lane.sender)
        let key = try #require(keys.lane(lane.sender, entry.conversation))
        let plain = try place.open(try reader.raw(lane.length), key: key, identity)
        #expect(page.contains("opensto`" + Array(plain.prefix(entry.ordinal == 0 ? plain.count : 6)).hex))
      }
    }
  }

  /// For the frozen reader: what this program's writer makes now.
  @Test(
    .enabled(
      if: SecondReader.isInstalled,
      "python3-nacl or python3-zstandard is missing: the second reader is NOT tested"))
  func theSecondReaderReadsWhatIsWritten() throws {
    for segment in FrozenSegment.all {
      let keys = try segment.writersKeys()
      let written = try SegmentBytes(segment.blocks, keys: keys, identity: segment.identity).bytes
      let read = try SecondReader.read(written, keys: FrozenKeys.json(of: segment))
      #expect(read == Self.lines(segment.readable, of: segment.messages.count), "\(segment.name)")
    }
    var generator = SeededGenerator.announced()
    for _ in 0..<4 {
      let population = Population(using: &generator)
      let written = try SegmentBytes(population.blocks, keys: population.keys).bytes
      let read = try SecondReader.read(written, keys: FrozenKeys.json(population.keys))
      let messages = population.messages
      #expect(read == Self.lines(messages, of: messages.count), "MUNIMENT_SEED=\(generator.seed)")
    }
  }

  /// Only to make files for a case that is new: `MUNIMENT_WRITE_FIXTURES` names a directory. The lines are the second
  /// reader's.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["MUNIMENT_WRITE_FIXTURES"] != nil))
  func filesAreMade() throws {
    let directory = try #require(ProcessInfo.processInfo.environment["MUNIMENT_WRITE_FIXTURES"])
    func write(_ name: String, _ data: Data) throws {
      try data.write(to: URL(filePath: directory).appending(path: name))
    }
    func hex(_ bytes: [UInt8]) -> Data {
      let lines = stride(from: 0, to: bytes.count, by: 64).map {
        Array(bytes[$0..<min($0 + 64, bytes.count)]).hex + "\n"
      }
      return Data(lines.joined().utf8)
    }
    for segment in FrozenSegment.all {
      let keys = try segment.writersKeys()
      let bytes = try SegmentBytes(segment.blocks, keys: keys, identity: segment.identity).bytes
      try write(segment.name + ".hex", hex(bytes))
      try write(segment.name + ".keys.json", FrozenKeys.json(of: segment))
    }
    try write("odd.hex", hex(HandMadeSegment.odd.bytes()))
    try write("odd.keys.json", FrozenKeys.json(Fixture.keys))
    var keys = Fixture.keys
    keys.subjects[Fixture.bob] = nil
    try write("example-without-bob.hex", hex(Fixture.bytes("segment-v1.hex")))
    try write("example-without-bob.keys.json", FrozenKeys.json(keys, dictionary: Fixture.dictionaryID))
    try write("refused.ndjson", RefusedSegment.lines(RefusedSegment.all()))
  }
}
