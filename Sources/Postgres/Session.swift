import CPostgres

/// One open connection to the server. Every method blocks; only the actor that owns it may call them.
@safe
final class Session {
  private let connection: OpaquePointer
  /// What broke the transaction that is open, whatever the body made of it.
  private(set) var failure: PostgresError?

  /// Connects and settles what must not depend on the server's or the role's defaults.
  init(conninfo: String, applicationName: String) throws(PostgresError) {
    let opened = unsafe try Self.open(conninfo, applicationName)
    unsafe connection = unsafe opened
    // Notices ("relation already exists, skipping") would go to stderr.
    unsafe PQsetNoticeProcessor(connection, { _, _ in }, nil)
    guard unsafe PQstatus(connection) == CONNECTION_OK else { throw unsafe .lost(connection) }
    try script(
      """
      SET client_encoding = 'UTF8'; SET TimeZone = 'UTC'; SET standard_conforming_strings = on;
      SET default_transaction_isolation = 'read committed'
      """)
  }

  deinit {
    // Sends Terminate over the socket and frees; never waits for an answer.
    unsafe PQfinish(connection)
  }

  /// A later keyword overrides an earlier one, and `dbname` is expanded in place: so the caller's connection
  /// string wins over the time limit and loses against the encoding (manual, `PQconnectdbParams`).
  private static func open(_ conninfo: String, _ applicationName: String) throws(PostgresError)
    -> OpaquePointer
  {
    guard !conninfo.utf8.contains(0), !applicationName.utf8.contains(0) else {
      throw PostgresError(.invalidValue, safeText: "the connection string holds U+0000")
    }
    let settings = [
      ("connect_timeout", "10"), ("dbname", conninfo), ("fallback_application_name", applicationName),
      ("client_encoding", "UTF8"),
    ]
    let opened = unsafe CStrings(settings.map(\.0)).withPointers { names in
      unsafe CStrings(settings.map(\.1)).withPointers { values in
        unsafe PQconnectdbParams(names, values, 1)
      }
    }
    guard let opened = unsafe opened else { throw unsafe .lost(nil) }
    return unsafe opened
  }

  /// Does nothing where the server is elsewhere.
  func putBackendBehind() { unsafe LocalBackend(of: connection)?.putBehind() }

  var isOpen: Bool { unsafe PQstatus(connection) == CONNECTION_OK }

  /// Connected and not inside any transaction.
  var isIdle: Bool { unsafe isOpen && PQtransactionStatus(connection) == PQTRANS_IDLE }

  /// Inside a transaction that is not broken.
  var isInTransaction: Bool { unsafe isOpen && PQtransactionStatus(connection) == PQTRANS_INTRANS }

  func forgetFailure() { failure = nil }

  /// Runs one statement with parameters, everything in binary format.
  func execute(_ sql: String, _ values: [PostgresValue]) throws(PostgresError) -> PostgresRows {
    try Self.checkStatement(sql)
    let parameters = try Parameters(values)
    let result = unsafe parameters.withPointers { types, pointers, lengths, formats in
      unsafe PQexecParams(connection, sql, Int32(values.count), types, pointers, lengths, formats, 1)
    }
    return PostgresRows(unsafe try completed(result))
  }

  /// Runs any number of statements by the simple protocol.
  func script(_ sql: String) throws(PostgresError) {
    try Self.checkStatement(sql)
    _ = unsafe try completed(PQexec(connection, sql))
  }

  /// Starts a COPY FROM STDIN in binary format, lends the writer, and ends it. Returns the number of rows.
  func copyIn(
    _ sql: String, _ fill: (inout CopyWriter) throws(PostgresError) -> Void
  ) throws(PostgresError) -> Int {
    try Self.checkStatement(sql)
    let start = unsafe try handle(PQexec(connection, sql))
    guard start.status == PGRES_COPY_IN else {
      _ = try completed(start)
      throw fail(PostgresError(.misuse, safeText: "the statement is not COPY … FROM STDIN"))
    }
    guard unsafe PQbinaryTuples(start.pointer) == 1 else {
      _ = try? endCopy(refusing: "not binary")
      throw fail(PostgresError(.misuse, safeText: "COPY must say FORMAT binary"))
    }
    var writer = unsafe CopyWriter(connection: connection)
    do throws(PostgresError) {
      try fill(&writer)
      try writer.finish()
    } catch {
      // A lost connection has no one left to tell; the first error is the one that matters.
      _ = try? endCopy(refusing: "refused by the client")
      throw fail(error)
    }
    return try endCopy(refusing: nil)
  }

  private func endCopy(refusing reason: String?) throws(PostgresError) -> Int {
    guard unsafe PQputCopyEnd(connection, reason) == 1 else { throw fail(unsafe .lost(connection)) }
    let result = unsafe try handle(PQgetResult(connection))
    // libpq is ready for the next statement only after it has returned NULL.
    while let extra = unsafe PQgetResult(connection) { unsafe PQclear(extra) }
    return try completed(result).affected
  }

  private func handle(_ result: OpaquePointer?) throws(PostgresError) -> ResultHandle {
    guard let result = unsafe result else { throw fail(unsafe .lost(connection)) }
    return unsafe ResultHandle(result)
  }

  private func completed(_ result: OpaquePointer?) throws(PostgresError) -> ResultHandle {
    unsafe try completed(try handle(result))
  }

  private func completed(_ result: ResultHandle) throws(PostgresError) -> ResultHandle {
    switch result.status {
    case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
      // ROLLBACK TO SAVEPOINT heals a transaction.
      if failure != nil && isInTransaction { failure = nil }
      return result
    case PGRES_COPY_IN:
      _ = try? endCopy(refusing: "not a copy")
      throw fail(PostgresError(.misuse, safeText: "COPY … FROM STDIN needs copyIn"))
    case PGRES_COPY_OUT, PGRES_COPY_BOTH:
      // libpq reads and drops the rows.
      while let row = unsafe PQgetResult(connection), unsafe PQresultStatus(row) != PGRES_COPY_OUT {
        unsafe PQclear(row)
      }
      throw fail(PostgresError(.misuse, safeText: "COPY … TO STDOUT is not offered"))
    default:
      // The connection's state, not the text, says whether the server is gone.
      throw fail(unsafe isOpen ? .server(result.pointer) : .gone(result.pointer))
    }
  }

  /// Remembers the first failure that broke the open transaction.
  private func fail(_ error: PostgresError) -> PostgresError {
    if failure == nil && !isInTransaction { failure = error }
    return error
  }

  /// C would end the statement at U+0000 and run its beginning.
  private static func checkStatement(_ sql: String) throws(PostgresError) {
    guard !sql.utf8.contains(0) else {
      throw PostgresError(.invalidValue, safeText: "a statement holds U+0000")
    }
  }
}
