import Blocking

/// One place of the pool: a connection, opened when first needed, on a thread of its own.
actor PooledConnection {
  private let conninfo: String
  private let applicationName: String
  /// Then its thread, and the server's process where that is on this machine, stand behind what people wait for.
  private let isForLongWork: Bool
  private let executor: ThreadExecutor
  private var session: Session?

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  init(conninfo: String, applicationName: String, isForLongWork: Bool = false) {
    self.conninfo = conninfo
    self.applicationName = applicationName
    self.isForLongWork = isForLongWork
    executor = ThreadExecutor(name: "postgres", nice: isForLongWork ? ThreadNice.writing : 0)
  }

  /// How one try at a transaction ended.
  enum Attempt<R: Sendable>: Sendable {
    case committed(R)
    /// Rolled back, and worth another try.
    case repeatable(PostgresError)
    /// Rolled back for good.
    case failed(any Error)
    /// The connection broke during COMMIT; the server knows the transaction by this number.
    case undecided(R, transaction: String, PostgresError)
  }

  func attempt<R: Sendable>(_ body: @Sendable (borrowing Transaction) throws -> R) -> Attempt<R> {
    do throws(PostgresError) {
      let session = try begin()
      defer { settle() }
      return run(body, session)
    } catch {
      session = nil
      return error.repeatsTransaction ? .repeatable(error) : .failed(error)
    }
  }

  /// As ``attempt(_:)``, without a transaction around it. A connection that lay idle may have been cut: then the body
  /// is run once more on a new one, as it changes nothing.
  func attemptReading<R: Sendable>(_ body: @Sendable (borrowing Transaction) throws -> R) -> Attempt<R> {
    let wasOpen = session != nil
    let first = readOnce(body)
    if wasOpen, case .repeatable(let error) = first, error.code == .connection { return readOnce(body) }
    return first
  }

  private func readOnce<R: Sendable>(_ body: @Sendable (borrowing Transaction) throws -> R) -> Attempt<R> {
    do throws(PostgresError) {
      let session = try connected()
      session.forgetFailure()
      defer { settle() }
      return read(body, session)
    } catch {
      session = nil
      return error.repeatsTransaction ? .repeatable(error) : .failed(error)
    }
  }

  func executeAlone(_ sql: String) throws(PostgresError) {
    defer { settle() }
    try connected().script(sql)
  }

  /// What became of a transaction of an earlier connection, nil while it is still running.
  func isCommitted(transaction: String) throws(PostgresError) -> Bool? {
    do throws(PostgresError) {
      let rows = try connected().execute("SELECT pg_xact_status($1::text::xid8)", [.text(transaction)])
      guard let status = rows.textOrNil(0, 0) else { return nil }
      return status == "in progress" ? nil : status == "committed"
    } catch {
      session = nil
      throw error
    }
  }

  func close() {
    session = nil
    executor.stop()
  }

  private func connected() throws(PostgresError) -> Session {
    if let session { return session }
    let opened = try Session(conninfo: conninfo, applicationName: applicationName)
    if isForLongWork { opened.putBackendBehind() }
    session = opened
    return opened
  }

  /// A connection that lay idle may have been cut by a restart of the server: then a new one is tried at
  /// once, which is no repetition, as nothing of the body has run.
  private func begin() throws(PostgresError) -> Session {
    if let session {
      do throws(PostgresError) {
        session.forgetFailure()
        try session.script("BEGIN ISOLATION LEVEL READ COMMITTED")
        return session
      } catch {
        guard error.code == .connection || !session.isIdle else { throw error }
        self.session = nil
      }
    }
    let session = try connected()
    try session.script("BEGIN ISOLATION LEVEL READ COMMITTED")
    return session
  }

  private func run<R: Sendable>(
    _ body: @Sendable (borrowing Transaction) throws -> R, _ session: Session
  ) -> Attempt<R> {
    let value: R
    do {
      value = try body(Transaction(session))
    } catch {
      // The cause counts, not what the body made of it: it may have wrapped the error.
      if let failure = session.failure, failure.repeatsTransaction { return .repeatable(failure) }
      return .failed(error)
    }
    return commit(value, session)
  }

  private func read<R: Sendable>(
    _ body: @Sendable (borrowing Transaction) throws -> R, _ session: Session
  ) -> Attempt<R> {
    do {
      let value = try body(Transaction(session, isReading: true))
      // Swallowed by the body: what it made of a failed statement is no answer.
      if let failure = session.failure {
        return failure.repeatsTransaction ? .repeatable(failure) : .failed(failure)
      }
      return .committed(value)
    } catch {
      if let failure = session.failure, failure.repeatsTransaction { return .repeatable(failure) }
      return .failed(error)
    }
  }

  private func commit<R: Sendable>(_ value: R, _ session: Session) -> Attempt<R> {
    if let failure = session.failure {
      // The body swallowed an error that broke the transaction: COMMIT would silently roll back.
      return failure.repeatsTransaction ? .repeatable(failure) : .failed(failure)
    }
    guard session.isInTransaction else {
      return .failed(PostgresError(.misuse, safeText: "the body ended its transaction"))
    }
    var number: String?
    do throws(PostgresError) {
      // One round trip, so that a COMMIT whose answer is lost can be looked up. Null: nothing was written.
      number = try session.execute("SELECT pg_current_xact_id_if_assigned()::text", []).textOrNil(0, 0)
      try session.script("COMMIT")
      return .committed(value)
    } catch {
      guard let number, error.code == .connection else {
        return error.repeatsTransaction ? .repeatable(error) : .failed(error)
      }
      return .undecided(value, transaction: number, error)
    }
  }

  /// Nothing but an idle connection outlives an attempt.
  private func settle() {
    guard let session, !session.isIdle else { return }
    if session.isOpen { try? session.script("ROLLBACK") }
    session.forgetFailure()
    if !session.isIdle { self.session = nil }
  }
}
