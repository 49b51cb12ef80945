import Foundation
import Model
import SegmentFormat
import Sodium
import Testing

/// The frozen segment of `Schemas/formats/segment-v1.md`. It never changes: a segment once written must stay readable.
@Suite struct SegmentFixtureTests {
  @Test func theFrozenSegmentIsReadable() throws {
    let bytes = try Fixture.bytes("segment-v1.hex")
    let messages = Fixture.blocks.flatMap(\.messages)
    #expect(try SegmentBytes.readAll(bytes, keys: Fixture.keys, hashing: true) == messages)
    for message in messages { #expect(throws: Never.self) { try MessagePayload(bytes: message.payload) } }
  }

  /// Up to the first block, which zstd did not touch: its output may differ from version to version.
  @Test func theWriterMakesTheFrozenBytes() throws {
    let frozen = try Fixture.bytes("segment-v1.hex")
    let segment = try SegmentBytes(
      Fixture.blocks, keys: Fixture.keys, id: Fixture.id, dictionary: Fixture.dictionaryID)
    if ProcessInfo.processInfo.environment["MUNIMENT_SHOW_FIXTURES"] == "1" {
      print("segment-v1", segment.bytes.hex)
    }
    let end = Int(segment.directory[1].offset)
    #expect(segment.bytes.prefix(end) == frozen.prefix(end))
  }

  @Test func thePageShowsTheFrozenSegment() throws {
    #expect(try Fixture.page("segment-v1.md").contains(Fixture.bytes("segment-v1.hex").hex))
  }
}
