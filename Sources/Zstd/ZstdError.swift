import CZstd

/// A zstd frame could not be read. `description` is safe to show.
package struct ZstdError: Error, Hashable, CustomStringConvertible {
  package enum Code: Sendable { case corrupt, truncated, tooLarge, outOfMemory }
  package let code: Code

  package init(_ code: Code) { self.code = code }

  /// For a result that `ZSTD_isError` says is one.
  init(result: Int) {
    switch ZSTD_getErrorCode(result) {
    case ZSTD_error_frameParameter_windowTooLarge: self.init(.tooLarge)
    case ZSTD_error_memory_allocation: self.init(.outOfMemory)
    case ZSTD_error_srcSize_wrong: self.init(.truncated)
    default: self.init(.corrupt)
    }
  }

  /// Memory may be there again later; damaged bytes stay damaged.
  package var isRetryable: Bool { code == .outOfMemory }

  package var description: String {
    switch code {
    case .corrupt: "the zstd data is damaged"
    case .truncated: "the zstd data ends early"
    case .tooLarge: "the zstd data is larger than allowed"
    case .outOfMemory: "out of memory for zstd"
    }
  }
}
