import CSimdJSON

/// Why bytes are not one JSON document. Says nothing of their content, so it is safe to show.
package struct JSONError: Error, Hashable, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// Not JSON (RFC 8259): cut short, trailing bytes, a lone surrogate, a number out of range, ….
    case malformed
    case notUTF8 = "not_utf8"
    /// Longer than the parser's capacity.
    case tooLarge = "too_large"
    /// Nested deeper than 1024 levels.
    case tooDeep = "too_deep"
    case noMemory = "no_memory"
  }

  package let code: Code

  package init(code: Code) { self.code = code }

  init(status: CInt) {
    switch UInt32(bitPattern: status) {
    case CSJ_NOT_UTF8.rawValue: code = .notUTF8
    case CSJ_TOO_LARGE.rawValue: code = .tooLarge
    case CSJ_TOO_DEEP.rawValue: code = .tooDeep
    case CSJ_NO_MEMORY.rawValue: code = .noMemory
    default: code = .malformed
    }
  }

  /// Only want of memory can pass by itself.
  package var isRetryable: Bool { code == .noMemory }

  package var description: String {
    switch code {
    case .malformed: "not a JSON document"
    case .notUTF8: "not UTF-8"
    case .tooLarge: "larger than the parser's capacity"
    case .tooDeep: "nested too deeply"
    case .noMemory: "out of memory"
    }
  }
}
