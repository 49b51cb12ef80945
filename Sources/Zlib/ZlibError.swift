/// A gzip stream could not be read. `description` is safe to show.
package struct ZlibError: Error, Hashable, CustomStringConvertible {
  package enum Code: Sendable { case corrupt, truncated, outOfMemory }
  package let code: Code

  package init(_ code: Code) { self.code = code }

  /// Memory may be there again later; damaged bytes stay damaged.
  package var isRetryable: Bool { code == .outOfMemory }

  package var description: String {
    switch code {
    case .corrupt: "the gzip data is damaged"
    case .truncated: "the gzip data ends early"
    case .outOfMemory: "out of memory for gzip"
    }
  }
}
