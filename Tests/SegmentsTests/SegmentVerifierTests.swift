import Foundation
import Model
import SegmentFormat
import Segments
import Testing

@Suite struct SegmentVerifierTests {
  private let scratch: Scratch
  private let store: FileSegmentStore
  private let segment: StoredSegment

  init() throws {
    scratch = try Scratch()
    store = try FileSegmentStore(directory: scratch.path + "/store")
    segment = try StoredSegment()
  }

  private func structure(_ bytes: [UInt8]? = nil, keys: TestKeys? = nil) async throws -> [SegmentFinding] {
    try await store.delete(segment.name)
    try await segment.put(bytes, in: store, scratch)
    return try await SegmentVerifier(store: store).structure(segment.expected, keys: keys ?? segment.keys)
  }

  private func contents(keys: TestKeys) async throws -> [SegmentFinding] {
    let identity = segment.identity
    return try await SegmentVerifier(store: store).contents(segment.expected) { entry, bytes in
      try SegmentReader.decode(entry, bytes, identity: identity, keys: keys)
    }
  }

  @Test func aSoundSegmentHasNoFindings() async throws {
    #expect(try await structure().isEmpty)
    #expect(try await contents(keys: segment.keys).isEmpty)
  }

  @Test func destroyedKeysAreNoFindings() async throws {
    var keys = segment.keys
    keys.lanes[StoredSegment.subjects[0]] = nil
    #expect(try await structure(keys: keys).isEmpty)
    #expect(try await contents(keys: keys).isEmpty)
    keys.room = nil
    keys.period = nil
    #expect(try await structure(keys: keys).isEmpty)
    #expect(try await contents(keys: keys).isEmpty)
  }

  @Test func damageIsNamedByBlockAndConversation() async throws {
    for entry in segment.directory {
      var bytes = segment.bytes
      bytes[Int(entry.offset) + Int(entry.length) / 2] ^= 1
      let findings = try await structure(bytes)
      #expect(findings.allSatisfy { $0.segment == segment.identity.hex })
      let blocks = findings.filter { $0.block != nil }
      #expect(blocks.map(\.block) == [entry.ordinal])
      #expect(blocks.map(\.conversation) == [entry.conversation])
      let deep = try await contents(keys: segment.keys)
      #expect(deep.map(\.block) == [entry.ordinal])
      #expect(deep.map(\.conversation) == [entry.conversation])
    }
  }

  /// Whatever the place: header, blocks, footer, trailer.
  @Test func everyKindOfDamageIsFound() async throws {
    for index in stride(from: 0, to: segment.bytes.count, by: 13) {
      var bytes = segment.bytes
      bytes[index] ^= 0x10
      #expect(try await !structure(bytes).isEmpty, "byte \(index)")
    }
    for length in [0, 63, 64, 119, 120, segment.bytes.count - 1] {
      #expect(try await !structure(Array(segment.bytes.prefix(length))).isEmpty, "\(length) bytes")
    }
    #expect(try await !structure(segment.bytes + [0]).isEmpty)
    #expect(try await !structure(StoredSegment().bytes).isEmpty)
  }

  /// A footer that does not open hides nothing of what was found before it, nor does a header.
  @Test func damageOfOnePartDoesNotHideAnothers() async throws {
    let trailer = try SegmentTrailer(
      Array(segment.bytes.suffix(SegmentTrailer.size)), objectSize: Int64(segment.bytes.count))
    var bytes = segment.bytes
    bytes[0] ^= 1
    bytes[Int(segment.directory[1].offset)] ^= 1
    bytes[trailer.footerRange.lowerBound] ^= 1
    let findings = try await structure(bytes)
    #expect(
      findings.map(\.what) == [
        "its bytes are not those that were sealed", "the object is not a segment",
        "its trailer's hash is not that of its bytes", "the footer is damaged", "damaged",
      ])
    #expect(findings.map(\.block) == [nil, nil, nil, nil, 1])
    let cut = try await structure(Array(segment.bytes.dropLast()))
    #expect(cut.count >= 3 && cut.contains { $0.what == "its bytes are not those that were sealed" })
  }

  @Test func aSampleLooksAtItsBlocksAndAtTheFooterAlone() async throws {
    let store = CountingStore(store)
    var bytes = segment.bytes
    for entry in segment.directory { bytes[Int(entry.offset)] ^= 1 }
    try await segment.put(bytes, in: store, scratch)
    let findings = try await SegmentVerifier(store: store).structure(
      segment.expected, sample: [1], keys: segment.keys)
    #expect(findings.map(\.block) == [1])
    let block = segment.directory[1]
    let range = Int(block.offset)..<Int(block.offset) + Int(block.length)
    let ranges = await store.ranges
    #expect(ranges.count == 4 && ranges.filter { $0.overlaps(64..<range.lowerBound) }.isEmpty)
    #expect(ranges.last == range)
  }

  /// Blocks of the same ordinals and, where lanes are alike, of the same length: what a store could mix up.
  @Test func blocksOfAnotherSegmentAreNamed() async throws {
    let other = try StoredSegment()
    for (mine, theirs) in zip(segment.directory, other.directory) {
      try #require(mine.length == theirs.length)
      var bytes = segment.bytes
      let range = Int(mine.offset)..<Int(mine.offset) + Int(mine.length)
      bytes.replaceSubrange(range, with: other.bytes[range])
      let findings = try await structure(bytes)
      #expect(findings.compactMap(\.block) == [mine.ordinal])
      #expect(findings.compactMap(\.conversation) == [mine.conversation])
      #expect(try await contents(keys: segment.keys).map(\.block) == [mine.ordinal])
    }
  }

  /// What a segment replaced, put back in its place: sound in itself, under the same keys, with fewer changes.
  @Test func anOlderSegmentInTheNewOnesPlaceIsNamed() async throws {
    let older = try StoredSegment(keys: segment.keys)
    let findings = try await structure(older.bytes)
    #expect(findings.allSatisfy { $0.segment == segment.identity.hex })
    #expect(findings.contains { $0.block == nil })
    #expect(findings.compactMap(\.block) == segment.directory.map(\.ordinal))
    #expect(try await contents(keys: segment.keys).count == segment.directory.count)
  }

  @Test func aCatalogueThatDisagreesIsFound() async throws {
    _ = try await structure()
    let expected = SegmentVerifier.Expected(
      identity: segment.identity, bytes: Int64(segment.bytes.count), hash: segment.expected.hash,
      blocks: Array(segment.directory.dropLast()))
    let findings = try await SegmentVerifier(store: store).structure(expected, keys: segment.keys)
    #expect(findings.map(\.what) == ["its directory is not the catalogue's"])
  }

  @Test func aMissingObjectIsFound() async throws {
    let findings = try await SegmentVerifier(store: store).structure(segment.expected, keys: segment.keys)
    #expect(findings.count == 1 + segment.directory.count)
    #expect(
      findings[0].description == "segment \(segment.identity.hex): segment object \(segment.name) is missing")
  }

  @Test func verificationLeavesTheObjectAsItWas() async throws {
    _ = try await structure()
    _ = try await contents(keys: segment.keys)
    #expect(try await store.read(segment.name, range: nil) == segment.bytes)
    #expect(try await store.list() == [segment.name])
  }
}
