/// A statement, a connection or the pool failed.
///
/// `description` is safe to show anyone: it holds the kind of failure, the SQLSTATE, names from the schema,
/// and the server's words only for classes of errors whose text never quotes a value. The full text of the
/// server, with its `detail` line, is in `debugDescription` when `MUNIMENT_DEBUG_DATABASE=1` is set, for
/// development only.
package struct PostgresError: Error, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
  package enum Code: Sendable, Hashable {
    /// The server is unreachable, went away, or refuses connections for now.
    case connection
    /// The role may not connect, or its password is wrong.
    case authentication
    /// The connection broke while a transaction was being committed and its fate could not be found out.
    case outcomeUnknown
    case serialization, deadlock, lockTimeout, cancelled
    case uniqueViolation, foreignKeyViolation, notNullViolation, checkViolation
    case undefinedTable, undefinedDatabase, permission, diskFull, readOnly
    /// A value that PostgreSQL cannot take: U+0000 in text, out of range, malformed.
    case invalidValue
    /// The statement left the transaction in a state it may not have, such as a `COMMIT` inside a body.
    case misuse
    /// Too many tasks wait for a connection.
    case busy
    /// The pool is closed.
    case closed
    case other
  }

  package let code: Code
  /// Five characters, nil where the failure is not the server's.
  package let sqlState: String?
  /// The violated constraint, or the table concerned.
  package let object: String?
  let safeText: String?
  let serverText: ServerText?

  init(
    _ code: Code, sqlState: String? = nil, object: String? = nil, safeText: String? = nil,
    serverText: String? = nil
  ) {
    self.code = code
    self.sqlState = sqlState
    self.object = object
    self.safeText = safeText
    self.serverText = serverText.map(ServerText.init)
  }

  /// For code that fills a copy and finds that it cannot go on. The reason is shown: it must not hold values.
  package static func refusal(because reason: StaticString) -> PostgresError {
    PostgresError(.invalidValue, safeText: "\(reason)")
  }

  /// The same call may succeed later: the server was away, the transaction lost against another one, or the
  /// pool was full. False for `outcomeUnknown`: the caller has to look first.
  package var isRetryable: Bool {
    switch code {
    case .connection, .serialization, .deadlock, .lockTimeout, .busy: true
    default: false
    }
  }

  /// The pool repeats a transaction that failed so. A lock timeout is the caller's own limit, so it is not
  /// one.
  var repeatsTransaction: Bool {
    switch code {
    case .connection, .serialization, .deadlock: true
    default: false
    }
  }

  package var description: String {
    var text = "database: \(code.phrase)"
    if let object { text += " (\(object))" }
    if let safeText { text += ": \(safeText)" }
    if let sqlState { text += " [\(sqlState)]" }
    return text
  }

  package var debugDescription: String {
    guard Self.showsServerText, let serverText else { return description }
    return description + "\n" + serverText.text
  }

  private static let showsServerText = Environment.value("MUNIMENT_DEBUG_DATABASE") == "1"
}

/// A box without a mirror, so that neither `dump` nor a test's failure report shows what the server quoted.
final class ServerText: Sendable, CustomReflectable {
  let text: String
  init(_ text: String) { self.text = text }
  var customMirror: Mirror { Mirror(self, children: []) }
}

extension PostgresError.Code {
  fileprivate var phrase: String {
    switch self {
    case .connection: "no connection to the server"
    case .authentication: "the server refused the role or password"
    case .outcomeUnknown: "the connection broke during COMMIT and the outcome is unknown"
    case .serialization: "the transaction conflicts with another one"
    case .deadlock: "deadlock with another transaction"
    case .lockTimeout: "a lock was not free in time"
    case .cancelled: "the statement was cancelled or ran too long"
    case .uniqueViolation: "already exists"
    case .foreignKeyViolation: "refers to something absent, or is referred to"
    case .notNullViolation: "a required value is missing"
    case .checkViolation: "a check of the schema failed"
    case .undefinedTable: "no such table"
    case .undefinedDatabase: "no such database"
    case .permission: "the role lacks a permission"
    case .diskFull: "the server is out of disk, memory or connections"
    case .readOnly: "the server or transaction is read-only"
    case .invalidValue: "a value is not acceptable"
    case .misuse: "misuse of a transaction"
    case .busy: "too many tasks wait for a connection"
    case .closed: "the connection pool is closed"
    case .other: "the statement failed"
    }
  }
}
