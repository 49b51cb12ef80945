import Synchronization

/// How often a body ran.
final class Counter: Sendable {
  private let value = Mutex(0)
  func next() -> Int {
    value.withLock {
      $0 += 1; return $0
    }
  }
  var count: Int { value.withLock { $0 } }
}

/// What a body and a task beside it wait for.
final class Signal: Sendable {
  private let isSet = Atomic(false)
  func set() { isSet.store(true, ordering: .releasing) }
  var value: Bool { isSet.load(ordering: .acquiring) }
}
