/// A source of input that cannot be read, or not to its end. Lines before the failure have been handed out.
package struct SourceError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: String, Sendable {
    case notFound = "source_not_found"
    case unreadable = "source_unreadable"
    /// A compressed source that ends before its compressor said so.
    case truncated = "source_truncated"
    /// A compressed source whose bytes are not what its compressor wrote.
    case damaged = "source_damaged"
  }

  package let code: Code
  /// The path as given, or found below a directory; `-` for standard input.
  package let source: String
  /// The line that could not be read to its end; 0 before the first.
  package let line: Int64
  let reason: String

  init(_ code: Code, source: String, line: Int64 = 0, reason: String) {
    self.code = code
    self.source = source
    self.line = line
    self.reason = reason
  }

  package var isRetryable: Bool { code == .unreadable }

  package var description: String {
    "\(source)\(line > 0 ? ", line \(line)" : ""): \(reason)"
  }
}
