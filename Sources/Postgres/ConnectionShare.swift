import Synchronization

/// The connections that one kind of work is lent: a bounded number, opened when needed, in order of arrival. Tasks wait
/// for those of their own share only.
///
/// Nobody holds one while waiting for another, as what is done with a connection does not await: so no bound, down to
/// one, can make tasks wait for each other.
final class ConnectionShare: Sendable {
  private let open: @Sendable () -> PooledConnection
  private let queue: Mutex<PoolQueue>
  private let tickets = Atomic<UInt64>(0)

  init(size: Int, open: @escaping @Sendable () -> PooledConnection) {
    precondition(size > 0)
    self.open = open
    queue = Mutex(PoolQueue(size: size))
  }

  var waiting: Int { queue.withLock { $0.waiting } }

  func lend<R>(_ body: (PooledConnection) async throws -> R) async throws -> R {
    let connection = try await acquire()
    defer { release(connection) }
    return try await body(connection)
  }

  /// Refuses newcomers and those who wait.
  func refuse() {
    for waiter in queue.withLock({ $0.close() }) { waiter.resume(throwing: PostgresError(.closed)) }
  }

  /// Waits for what still runs after ``refuse()``, and closes the connections.
  func close() async {
    await withCheckedContinuation { (closer: CheckedContinuation<Void, Never>) in
      if !queue.withLock({ $0.awaitAll(closer) }) { closer.resume() }
    }
    for connection in queue.withLock({ $0.takeAll() }) ?? [] { await connection.close() }
  }

  private func acquire() async throws -> PooledConnection {
    let ticket = tickets.add(1, ordering: .relaxed).newValue
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (waiter: PoolQueue.Waiter) in
        // Checked under the lock: the handler below either runs before, and is seen here, or finds the
        // waiter.
        let lent = queue.withLock { queue in
          Task.isCancelled ? nil : queue.take(ticket: ticket, waiter)
        }
        switch lent {
        case nil: waiter.resume(throwing: CancellationError())
        case .connection(let connection): waiter.resume(returning: connection)
        case .opens: waiter.resume(returning: open())
        case .refused(let error): waiter.resume(throwing: error)
        case .waits: break
        }
      }
    } onCancel: {
      queue.withLock { $0.giveUp(ticket: ticket) }?.resume(throwing: CancellationError())
    }
  }

  private func release(_ connection: PooledConnection) {
    let (next, closers) = queue.withLock { ($0.giveBack(connection), $0.takeClosers()) }
    next?.resume(returning: connection)
    for closer in closers { closer.resume() }
  }
}
