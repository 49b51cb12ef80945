import Segments
import Testing

@Suite struct BlockCacheTests {
  private func block(_ number: UInt8) -> [UInt8] { [UInt8](repeating: number, count: 10) }

  @Test func whatWasUsedLastStaysAndTheBytesAreBounded() {
    let cache = BlockCache(bytesMax: 100)
    for number in 0..<10 as Range<UInt8> { cache.keep(block(number), of: "a", at: Int64(number)) }
    #expect(cache.counts.bytes == 100 && cache.counts.blocks == 10 && cache.counts.evictions == 0)
    #expect(cache.block("a", at: 0) == block(0))
    cache.keep(block(10), of: "a", at: 10)
    #expect(cache.counts.bytes == 100 && cache.counts.evictions == 1)
    #expect(cache.block("a", at: 0) == block(0), "it was used after the others came")
    #expect(cache.block("a", at: 1) == nil)
    #expect(cache.block("b", at: 0) == nil)
    #expect(cache.counts.hits == 2 && cache.counts.misses == 2)
  }

  @Test func aBlockTooLargeForItsShareAndAnyWithoutRoomIsNotKept() {
    let cache = BlockCache(bytesMax: 80)
    cache.keep([UInt8](repeating: 1, count: 11), of: "a", at: 0)
    #expect(cache.counts.blocks == 0)
    cache.keep([UInt8](repeating: 1, count: 10), of: "a", at: 0)
    #expect(cache.counts.blocks == 1)
    let none = BlockCache(bytesMax: 0)
    none.keep([1], of: "a", at: 0)
    #expect(none.block("a", at: 0) == nil)
  }

  @Test func aBlockKeptTwiceCountsOnce() {
    let cache = BlockCache(bytesMax: 100)
    for _ in 0..<1_000 {
      cache.keep(block(1), of: "a", at: 1)
      #expect(cache.block("a", at: 1) == block(1))
    }
    #expect(cache.counts.bytes == 10 && cache.counts.blocks == 1)
  }

  @Test func manyUsersAtOnceKeepItWithinItsBounds() async {
    let cache = BlockCache(bytesMax: 500)
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask {
          for number in 0..<500 {
            let at = Int64((number * 7 + task) % 90)
            if let found = cache.block("a", at: at) {
              #expect(found == [UInt8](repeating: UInt8(at), count: 10))
            } else {
              cache.keep([UInt8](repeating: UInt8(at), count: 10), of: "a", at: at)
            }
          }
        }
      }
    }
    #expect(cache.counts.bytes <= 500 && cache.counts.hits + cache.counts.misses == 4_000)
  }
}
