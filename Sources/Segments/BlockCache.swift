import Synchronization

/// Blocks of segments as they are stored, the last used ones: sealed, so that what is in here needs its keys each time
/// it is read, and destroying one takes effect at once. Opened blocks are kept nowhere.
package final class BlockCache: Sendable {
  package struct Counts: Sendable, Hashable {
    package internal(set) var hits = 0
    package internal(set) var misses = 0
    package internal(set) var evictions = 0
    package internal(set) var blocks = 0
    package internal(set) var bytes = 0

    package init() {}
  }

  private struct Place: Hashable {
    let segment: String
    let offset: Int64
  }

  private struct Slot {
    let bytes: [UInt8]
    var lastUse: UInt64
  }

  private struct State {
    var slots: [Place: Slot] = [:]
    /// Places by their last use, so that the one to go is found without a look at all of them.
    var order: [(use: UInt64, place: Place)] = []
    var uses: UInt64 = 0
    var counts = Counts()
  }

  package let bytesMax: Int
  private let state = Mutex(State())

  /// - Parameter bytesMax: of all blocks together; 0: none is kept.
  package init(bytesMax: Int) { self.bytesMax = bytesMax }

  package var counts: Counts { state.withLock { $0.counts } }

  package func block(_ segment: String, at offset: Int64) -> [UInt8]? {
    let place = Place(segment: segment, offset: offset)
    return state.withLock { state in
      guard let slot = state.slots[place] else {
        state.counts.misses += 1
        return nil
      }
      state.counts.hits += 1
      Self.use(place, slot.bytes, &state)
      return slot.bytes
    }
  }

  /// To be called with what opened: a damaged block must not stay.
  package func keep(_ bytes: [UInt8], of segment: String, at offset: Int64) {
    // One block in an eighth of the room at most: a page of small blocks is worth more than a single large one.
    guard bytes.count <= bytesMax / 8 else { return }
    let place = Place(segment: segment, offset: offset)
    state.withLock { state in
      if state.slots[place] == nil {
        state.counts.bytes += bytes.count
        state.counts.blocks += 1
      }
      Self.use(place, bytes, &state)
      Self.evict(downTo: bytesMax, &state)
    }
  }

  private static func use(_ place: Place, _ bytes: [UInt8], _ state: inout State) {
    state.uses += 1
    state.slots[place] = Slot(bytes: bytes, lastUse: state.uses)
    state.order.append((state.uses, place))
    // Uses that newer ones made void are dropped now and then, so that the list stays about as long as the cache.
    guard state.order.count > 2 * state.slots.count + 64 else { return }
    let slots = state.slots
    state.order.removeAll { slots[$0.place]?.lastUse != $0.use }
  }

  private static func evict(downTo bytesMax: Int, _ state: inout State) {
    var gone = 0
    while state.counts.bytes > bytesMax, gone < state.order.count {
      let (use, place) = state.order[gone]
      gone += 1
      guard let slot = state.slots[place], slot.lastUse == use else { continue }
      state.slots.removeValue(forKey: place)
      state.counts.bytes -= slot.bytes.count
      state.counts.blocks -= 1
      state.counts.evictions += 1
    }
    state.order.removeFirst(gone)
  }
}
