import CPostgres
import Glibc

extension PostgresError {
  /// From a failed result. Everything is copied: the result may be cleared afterwards.
  static func server(_ result: OpaquePointer) -> PostgresError {
    func field(_ code: Character) -> String? {
      unsafe PQresultErrorField(result, Int32(code.asciiValue!)).map { unsafe String(cString: $0) }
    }
    let message = unsafe String(cString: PQresultErrorMessage(result))
    guard let state = field("C") else {
      // libpq itself reports a lost connection without a SQLSTATE.
      return PostgresError(.connection, safeText: oneLine(message))
    }
    var safe = isQuotable(state) ? field("M").map(oneLine) : nil
    if let text = safe, let position = field("P") { safe = "\(text), at character \(position)" }
    return PostgresError(
      Code(sqlState: state), sqlState: state, object: field("n") ?? field("t"), safeText: safe,
      serverText: message)
  }

  /// From the result of a statement after which the connection was closed, whatever the server gave as
  /// reason.
  static func gone(_ result: OpaquePointer) -> PostgresError {
    let error = unsafe server(result)
    return PostgresError(
      .connection, sqlState: error.sqlState, safeText: error.safeText, serverText: error.serverText?.text)
  }

  /// From the connection itself, when there is no result to ask. Host, port and role are no secrets; libpq
  /// never puts a password here.
  static func lost(_ connection: OpaquePointer?) -> PostgresError {
    let text =
      unsafe connection.flatMap { unsafe PQerrorMessage($0) }.map { unsafe String(cString: $0) }
      ?? "out of memory"
    let isRefusal = text.contains("authentication failed") || text.contains("no pg_hba.conf entry")
    if text.contains("FATAL:") && text.contains("database \"") && text.contains("does not exist") {
      return PostgresError(.undefinedDatabase, safeText: oneLine(text))
    }
    let isUnknownRole = text.contains("FATAL:") && text.contains("role \"")
    return PostgresError(isRefusal || isUnknownRole ? .authentication : .connection, safeText: oneLine(text))
  }

  /// Classes whose primary message names objects, limits and states, never values: syntax and names (42),
  /// connection, transaction state, authorisation, database name, rollback, resources, object state,
  /// operator, system.
  private static func isQuotable(_ state: String) -> Bool {
    ["42", "08", "25", "28", "3D", "40", "53", "55", "57", "58"].contains(state.prefix(2))
  }

  private static func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == "\t" || $0 == " " } }.joined(
      separator: "; ")
  }
}

extension PostgresError.Code {
  /// SQLSTATE decides, never the text, which is translated (manual, appendix A).
  init(sqlState: String) {
    switch sqlState {
    case "40001", "40003": self = .serialization
    case "40P01": self = .deadlock
    case "55P03": self = .lockTimeout
    case "57014": self = .cancelled
    case "57P01", "57P02", "57P03", "57P05": self = .connection
    case "23505", "23P01": self = .uniqueViolation
    case "23503": self = .foreignKeyViolation
    case "23502": self = .notNullViolation
    case "23514": self = .checkViolation
    case "42P01": self = .undefinedTable
    case "3D000": self = .undefinedDatabase
    case "42501": self = .permission
    case "25006": self = .readOnly
    case _ where sqlState.hasPrefix("08"): self = .connection
    case _ where sqlState.hasPrefix("28"): self = .authentication
    case _ where sqlState.hasPrefix("53"): self = .diskFull
    case _ where sqlState.hasPrefix("22"): self = .invalidValue
    default: self = .other
    }
  }
}

enum Environment {
  static func value(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }
}
