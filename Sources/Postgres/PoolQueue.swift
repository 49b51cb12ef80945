/// Who has which connection and who waits, in order of arrival: a value without I/O, guarded by the pool's
/// mutex.
struct PoolQueue {
  typealias Waiter = CheckedContinuation<PooledConnection, any Error>

  private let size: Int
  private var idle: [PooledConnection] = []
  private var waiters: [(ticket: UInt64, waiter: Waiter)] = []
  private var opened = 0
  private var isClosed = false
  private var closers: [CheckedContinuation<Void, Never>] = []

  /// Beyond this many waiting tasks the pool refuses: something is stuck, and more waiting would hide it.
  static let waitersMax = 4_096

  init(size: Int) { self.size = size }

  var waiting: Int { waiters.count }

  enum Lent {
    case connection(PooledConnection)
    /// The pool may open one more.
    case opens
    case waits
    case refused(PostgresError)
  }

  mutating func take(ticket: UInt64, _ waiter: Waiter) -> Lent {
    if isClosed { return .refused(PostgresError(.closed)) }
    if let connection = idle.popLast() { return .connection(connection) }
    if opened < size {
      opened += 1
      return .opens
    }
    guard waiters.count < Self.waitersMax else { return .refused(PostgresError(.busy)) }
    waiters.append((ticket, waiter))
    return .waits
  }

  /// Gives a connection back. Returns the waiter that gets it next.
  mutating func giveBack(_ connection: PooledConnection) -> Waiter? {
    if !waiters.isEmpty { return waiters.removeFirst().waiter }
    idle.append(connection)
    return nil
  }

  mutating func giveUp(ticket: UInt64) -> Waiter? {
    guard let index = waiters.firstIndex(where: { $0.ticket == ticket }) else { return nil }
    return waiters.remove(at: index).waiter
  }

  /// Refuses newcomers and returns those who wait.
  mutating func close() -> [Waiter] {
    isClosed = true
    defer { waiters = [] }
    return waiters.map(\.waiter)
  }

  /// All connections, once a closed pool has every one back.
  mutating func takeAll() -> [PooledConnection]? {
    guard isClosed, idle.count == opened else { return nil }
    defer {
      idle = []
      opened = 0
    }
    return idle
  }

  mutating func awaitAll(_ closer: CheckedContinuation<Void, Never>) -> Bool {
    if idle.count == opened { return false }
    closers.append(closer)
    return true
  }

  mutating func takeClosers() -> [CheckedContinuation<Void, Never>] {
    guard isClosed, idle.count == opened else { return [] }
    defer { closers = [] }
    return closers
  }
}
