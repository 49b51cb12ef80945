import Model
import SegmentFormat
import Segments
import Testing

@Suite struct OpenSegmentTests {
  private let scratch: Scratch
  private let store: CountingStore
  private let segment: StoredSegment

  init() throws {
    scratch = try Scratch()
    store = CountingStore(try FileSegmentStore(directory: scratch.path + "/store"))
    segment = try StoredSegment()
  }

  private func open(keys: TestKeys? = nil) async throws -> OpenSegment {
    let keys = keys ?? segment.keys
    return try await OpenSegment(segment.identity.hex, in: store) { _ in keys }
  }

  @Test func itReadsHeaderTrailerFooterAndTheBlocksAskedFor() async throws {
    try await segment.put(in: store, scratch)
    let opened = try await open()
    #expect(opened.identity == segment.identity)
    #expect(opened.directory == segment.directory)
    let entry = segment.directory[1]
    let messages = try await opened.block(entry, keys: segment.keys).messages
    #expect(messages == Array(segment.messages[4..<8]))
    #expect(await store.ranges.count == 4)
    #expect(await store.ranges.last == Int(entry.offset)..<Int(entry.offset) + Int(entry.length))
  }

  @Test func blocksAreFoundByConversationAndTime() async throws {
    try await segment.put(in: store, scratch)
    let opened = try await open()
    func ordinals(_ conversation: Int64, _ from: Int64, _ until: Int64) -> [Int32] {
      opened.blocks(
        of: ConversationID(rawValue: conversation), from: Timestamp(seconds: from),
        until: Timestamp(seconds: until)
      ).map(\.ordinal)
    }
    #expect(ordinals(1, 0, 100) == [0, 1])
    #expect(ordinals(1, 4, 11) == [0])
    #expect(ordinals(1, 5, 12) == [1])
    #expect(ordinals(1, 5, 11).isEmpty)
    #expect(ordinals(2, 0, 100) == [2])
    #expect(ordinals(3, 0, 100).isEmpty)
  }

  @Test func anObjectUnderAnotherNameIsNotOpened() async throws {
    try await segment.put(try StoredSegment().bytes, in: store, scratch)
    await #expect(throws: SegmentError(.damaged, "the header")) { try await open() }
  }

  @Test(arguments: [0, 63, 64, 119])
  func anObjectTooShortToBeOneIsNotOpened(size: Int) async throws {
    try await segment.put(Array(segment.bytes.prefix(size)), in: store, scratch)
    await #expect(throws: SegmentError(.truncated, "the segment")) { try await open() }
  }

  @Test func theCacheReadsAFooterOnceAndForgetsItWithItsKey() async throws {
    try await segment.put(in: store, scratch)
    let cache = SegmentCache(store: store)
    let id = segment.identity.hex
    let keys = segment.keys
    for _ in 0..<3 {
      let opened = try await cache.open(id) { _ in keys }
      #expect(opened.directory == segment.directory)
    }
    #expect(await store.ranges.count == 3)

    let destroyed = keys.withoutPeriod
    for _ in 0..<2 {
      await #expect(throws: SegmentError(.keyDestroyed, "the period")) {
        try await cache.open(id) { _ in destroyed }
      }
    }
    _ = try await cache.open(id) { _ in keys }
    #expect(await store.ranges.count == 3 + 3 + 3, "the footer was read again: it had been dropped")
  }

  @Test func theCacheDropsWhatWasUsedLongestAgo() async throws {
    let segments = try [segment, StoredSegment(), StoredSegment()]
    for segment in segments { try await segment.put(in: store, scratch) }
    let cache = SegmentCache(store: store, blocksMax: 7)  // room for two footers of three blocks
    func open(_ number: Int) async throws {
      let keys = segments[number].keys
      _ = try await cache.open(segments[number].identity.hex) { _ in keys }
    }
    for number in [0, 1, 0, 2] { try await open(number) }
    #expect(await store.ranges.count == 9)
    try await open(0)
    #expect(await store.ranges.count == 9)
    try await open(1)
    #expect(await store.ranges.count == 12)
  }
}
