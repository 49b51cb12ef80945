/// An open transaction, lent to the body of ``PostgresPool/transaction(_:)`` for the length of one call.
///
/// It cannot be copied or stored, and the body cannot await: nothing else can slip in between BEGIN and
/// COMMIT.
package struct Transaction: ~Copyable {
  private let session: Session
  /// There is none: statements stand by themselves, and only queries are let through.
  private let isReading: Bool

  init(_ session: Session, isReading: Bool = false) {
    self.session = session
    self.isReading = isReading
  }

  /// Runs one statement. `$1`, `$2`… stand for the values, in order.
  @discardableResult
  package func execute(_ sql: String, _ values: [PostgresValue] = []) throws(PostgresError) -> PostgresRows {
    try checkReading(sql)
    return try session.execute(sql, values)
  }

  /// Runs many statements without parameters, for migrations. The script may not end the transaction.
  package func executeScript(_ sql: String) throws(PostgresError) {
    // One that begins as a query may go on as anything.
    try checkReading("")
    try session.script(sql)
    guard session.isInTransaction else {
      throw PostgresError(.misuse, safeText: "a script ended the transaction it runs in")
    }
  }

  /// Runs `COPY … FROM STDIN (FORMAT binary)` with the rows that `fill` writes. Returns how many they were.
  @discardableResult
  package func copyIn(
    _ sql: String, _ fill: (inout CopyWriter) throws(PostgresError) -> Void
  ) throws(PostgresError) -> Int {
    try checkReading(sql)
    return try session.copyIn(sql, fill)
  }

  /// A change that slipped into a read would not be undone with what fails after it.
  private func checkReading(_ sql: String) throws(PostgresError) {
    guard !isReading || sql.utf8.starts(with: "SELECT".utf8) else {
      throw PostgresError(.misuse, safeText: "a read takes statements that begin with SELECT")
    }
  }
}
