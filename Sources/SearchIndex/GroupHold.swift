import Synchronization

/// A group as this process holds it for writing: its lock, by whom it is used, and the generations that are being made.
/// The writer of the serving generations and the one of a rebuild share it.
final class GroupHold: Sendable {
  private struct State {
    var lock: GroupLock?
    var users: Set<String> = []
    var building: Set<String> = []
  }

  private let state = Mutex(State())

  /// - Throws: `.locked` while another process has the group.
  func take(_ directory: GroupDirectory, for user: String) throws(SearchIndexError) {
    let isHeld = state.withLock { state in
      state.users.insert(user)
      return state.lock != nil
    }
    guard !isHeld else { return }
    do throws(SearchIndexError) {
      // Waits up to two seconds, so outside of the mutex; a lock too many is let go at once.
      let lock = try directory.lock()
      state.withLock { $0.lock = $0.lock ?? lock }
    } catch {
      state.withLock { _ = $0.users.remove(user) }
      throw error
    }
  }

  func release(_ user: String) {
    state.withLock { state in
      state.users.remove(user)
      if state.users.isEmpty && state.building.isEmpty { state.lock = nil }
    }
  }

  var building: Set<String> { state.withLock { $0.building } }
  func begin(_ names: [String]) { state.withLock { $0.building.formUnion(names) } }
  func end(_ names: [String]) { state.withLock { $0.building.subtract(names) } }
}
