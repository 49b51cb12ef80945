package import SegmentFormat
import Synchronization

/// Keeps the footers of the segments that were opened last, so that opening one again reads nothing.
package final class SegmentCache: Sendable {
  private struct Slot {
    var segment: OpenSegment
    var lastUse: UInt64
  }

  private struct State {
    var slots: [String: Slot] = [:]
    var uses: UInt64 = 0
  }

  private let store: any SegmentStore
  private let blocksMax: Int
  private let state = Mutex(State())

  /// - Parameter blocksMax: entries of all cached footers together, about 200 bytes each.
  package init(store: any SegmentStore, blocksMax: Int = 500_000) {
    self.store = store
    self.blocksMax = blocksMax
  }

  /// From the cache or the store. The key is asked for each time: a footer must not outlive its period's key.
  package func open(
    _ id: String, keys: @Sendable (SegmentIdentity) async throws -> some SegmentKeys
  ) async throws -> OpenSegment {
    if let segment = lookUp(id) {
      guard try await keys(segment.identity).period != nil else {
        forget(id)
        throw SegmentError(.keyDestroyed, "the period")
      }
      return segment
    }
    let segment = try await OpenSegment(id, in: store, keys: keys)
    keep(segment, id)
    return segment
  }

  /// For objects that were deleted.
  package func forget(_ id: String) {
    state.withLock { _ = $0.slots.removeValue(forKey: id) }
  }

  private func lookUp(_ id: String) -> OpenSegment? {
    state.withLock { state in
      state.uses += 1
      state.slots[id]?.lastUse = state.uses
      return state.slots[id]?.segment
    }
  }

  private func keep(_ segment: OpenSegment, _ id: String) {
    guard segment.directory.count <= blocksMax else { return }
    state.withLock { state in
      state.uses += 1
      state.slots[id] = Slot(segment: segment, lastUse: state.uses)
      while state.slots.values.reduce(0, { $0 + $1.segment.directory.count + 1 }) > blocksMax + 1,
        let oldest = state.slots.min(by: { $0.value.lastUse < $1.value.lastUse })
      {
        state.slots.removeValue(forKey: oldest.key)
      }
    }
  }
}
