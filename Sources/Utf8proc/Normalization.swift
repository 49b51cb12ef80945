internal import CUtf8proc

/// Unicode normalisation and case folding by utf8proc, over UTF-8.
package enum Normalization {
  /// `15.0.0` with utf8proc 2.8. Normalisation is stable: versions differ only for scalars assigned since.
  package static let unicodeVersion = unsafe String(cString: utf8proc_unicode_version())

  /// NFKC, full case folding, NFKC: the normalisation `n1` of the search tokens.
  ///
  /// Three passes and not utf8proc's combined one, so that any language with NFKC and full case folding gets
  /// the same bytes. The time is quadratic in the length of a run of combining marks: the caller bounds it.
  /// Bytes that are no UTF-8 are a bug of the caller's.
  package static func foldedCompatibility(_ text: [UInt8]) -> [UInt8] {
    compatibilityComposed(folded(compatibilityComposed(text)))
  }

  /// NFKC (Unicode Standard Annex 15).
  package static func compatibilityComposed(_ text: [UInt8]) -> [UInt8] {
    mapped(text, [UTF8PROC_STABLE, UTF8PROC_COMPOSE, UTF8PROC_COMPAT])
  }

  /// Full, language-neutral case folding (statuses C and F of CaseFolding.txt).
  package static func folded(_ text: [UInt8]) -> [UInt8] {
    mapped(text, [UTF8PROC_STABLE, UTF8PROC_CASEFOLD])
  }

  /// The first scalar of the full compatibility decomposition.
  package static func firstDecomposed(_ scalar: UInt32) -> UInt32 {
    var buffer = [Int32](repeating: 0, count: longestDecomposition)
    var boundary: Int32 = 0
    let options = options([UTF8PROC_STABLE, UTF8PROC_DECOMPOSE, UTF8PROC_COMPAT])
    let count = unsafe utf8proc_decompose_char(Int32(scalar), &buffer, buffer.count, options, &boundary)
    return count > 0 ? UInt32(buffer[0]) : scalar
  }

  /// U+FDFA decomposes to 18 scalars, the most of any.
  private static let longestDecomposition = 32

  private static func options(_ list: [utf8proc_option_t]) -> utf8proc_option_t {
    utf8proc_option_t(list.reduce(0) { $0 | $1.rawValue })
  }

  private static func mapped(_ text: [UInt8], _ list: [utf8proc_option_t]) -> [UInt8] {
    guard !text.isEmpty else { return [] }
    let options = options(list)
    var scalars = [Int32](repeating: 0, count: text.count + 8)
    var count = unsafe utf8proc_decompose(text, text.count, &scalars, scalars.count, options)
    if count > scalars.count {
      // Room for one scalar more: `utf8proc_reencode` ends its output with a NUL.
      scalars = [Int32](repeating: 0, count: count + 1)
      count = unsafe utf8proc_decompose(text, text.count, &scalars, scalars.count, options)
    }
    precondition(count >= 0, "text for normalisation is not UTF-8")
    let size = unsafe utf8proc_reencode(&scalars, count, options)
    precondition(size >= 0, "utf8proc could not encode its own output")
    return unsafe scalars.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in
      unsafe Array(bytes.prefix(size))
    }
  }
}
