import CArchive

/// An archive could not be written or read. `description` is safe to show: it names no file.
package struct ArchiveError: Error, Hashable, CustomStringConvertible {
  package enum Code: Sendable { case damaged, truncated, outOfMemory, system }
  package let code: Code
  /// libarchive's number of the error: of `errno`, mostly.
  package let number: CInt

  init(_ code: Code, number: CInt = 0) {
    self.code = code
    self.number = number
  }

  package var isRetryable: Bool { code == .outOfMemory }

  package var description: String {
    switch code {
    case .damaged: "the archive is damaged"
    case .truncated: "the archive ends early"
    case .outOfMemory: "out of memory for an archive"
    case .system: "the archive could not be opened or written (error \(number))"
    }
  }
}

/// libarchive spells names in the thread's locale, which in servers is often plain C, without any but ASCII
/// characters (archive_entry_paths(3)). Lends a UTF-8 locale to the calling thread for the length of a call.
func withUTF8Locale<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
  guard let locale = unsafe newlocale(LC_CTYPE_MASK, "C.UTF-8", nil) else { return try body() }
  let before = unsafe uselocale(locale)
  defer {
    unsafe uselocale(before)
    unsafe freelocale(locale)
  }
  return try body()
}
