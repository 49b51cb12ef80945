/// The log refused: its stored state is not what it should be, or it was asked for what it does not have.
package struct AuditError: Error, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// The stored log contradicts itself or what was signed before: nothing is appended or signed until it was
    /// looked into.
    case damaged
    /// An index or size beyond the log.
    case outOfRange
    /// An entry over 65 535 bytes, the limit of the tile format.
    case tooLarge
    /// Text that is not a note, checkpoint or proof, or is not signed by the key expected.
    case notAuthentic
  }

  package let code: Code
  package let description: String
  package var isRetryable: Bool { false }

  package init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
