import Synchronization

/// Keeps a few contexts and lends each to one caller at a time: making one costs far more than using it.
///
/// Not one for each thread: there are many threads, and few of them compress at a time.
@safe
final class ContextPool: Sendable {
  /// `@unchecked`: only reached through the mutex; a context that is lent out is not in it.
  @safe
  private struct Idle: @unchecked Sendable {
    var contexts: [OpaquePointer] = unsafe []
  }

  private static let idleMax = 8
  private let idle = Mutex(Idle())
  private let make: @Sendable () -> OpaquePointer?
  private let free: @Sendable (OpaquePointer) -> Void

  /// - Parameter free: also called for contexts beyond the few that are kept.
  init(make: @escaping @Sendable () -> OpaquePointer?, free: @escaping @Sendable (OpaquePointer) -> Void) {
    unsafe self.make = unsafe make
    unsafe self.free = unsafe free
  }

  func lend<R>(_ body: (OpaquePointer) -> R) -> R {
    guard let context = unsafe take() else { preconditionFailure("out of memory for a zstd context") }
    defer { unsafe giveBack(context) }
    return unsafe body(context)
  }

  private func take() -> OpaquePointer? {
    unsafe idle.withLock { unsafe $0.contexts.popLast() } ?? make()
  }

  private func giveBack(_ context: OpaquePointer) {
    let kept = idle.withLock { idle in
      guard unsafe idle.contexts.count < Self.idleMax else { return false }
      unsafe idle.contexts.append(context)
      return true
    }
    if !kept { unsafe free(context) }
  }
}
