import Synchronization

/// A group as this process holds it for writing: its lock, by whom it is used, and the generations that are being made.
/// The writer of the serving generations and the one of a rebuild share it.
final class GroupHold: Sendable {
  private struct State {
    var lock: GroupLock?
    var users: Set<String> = []
    var building: Set<String> = []
    /// The highest number that was given to a generation.
    var last = 0
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
      // Waits up to two seconds, so outside of the mutex, unless the other of the two has got it meanwhile.
      guard let lock = try directory.lock(unless: { state.withLock { $0.lock != nil } }) else { return }
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

  /// Makes the directory of a generation that is in the making until ``end(_:)``: no sweep takes it for what a crash
  /// left. One at a time, and no number twice: what one is making could be taken for what another has removed.
  func makeGeneration(in directory: GroupDirectory) throws(SearchIndexError) -> String {
    try state.withLock { (state) throws(SearchIndexError) in
      let name = try directory.makeGeneration(after: state.last)
      state.last = GenerationList.number(name) ?? state.last
      state.building.insert(name)
      return name
    }
  }

  /// What was made is in use now, or given up.
  func end(_ names: [String]) { state.withLock { $0.building.subtract(names) } }
}
