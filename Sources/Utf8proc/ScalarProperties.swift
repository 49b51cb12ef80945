internal import CUtf8proc

/// What utf8proc's tables say of one Unicode scalar. The same Unicode version as ``Normalization`` by design:
/// Swift's own `Unicode.Scalar.Properties` follows the standard library's version, which changes with the
/// toolchain.
package struct ScalarProperties {
  /// The first letter of a general category (Unicode Standard §4.5).
  package enum Category: UInt8, Sendable { case letter, mark, number, punctuation, symbol, separator, other }

  private let scalar: UInt32
  private let property: utf8proc_property_t

  /// `scalar` may be any number; above U+10FFFF nothing is assigned.
  package init(_ scalar: UInt32) {
    self.scalar = scalar
    property = unsafe utf8proc_get_property(Int32(min(scalar, 0x11_0000))).pointee
  }

  package var category: Category {
    switch UInt32(property.category) {
    case UTF8PROC_CATEGORY_LU.rawValue...UTF8PROC_CATEGORY_LO.rawValue: .letter
    case UTF8PROC_CATEGORY_MN.rawValue...UTF8PROC_CATEGORY_ME.rawValue: .mark
    case UTF8PROC_CATEGORY_ND.rawValue...UTF8PROC_CATEGORY_NO.rawValue: .number
    case UTF8PROC_CATEGORY_PC.rawValue...UTF8PROC_CATEGORY_PO.rawValue: .punctuation
    case UTF8PROC_CATEGORY_SM.rawValue...UTF8PROC_CATEGORY_SO.rawValue: .symbol
    case UTF8PROC_CATEGORY_ZS.rawValue...UTF8PROC_CATEGORY_ZP.rawValue: .separator
    default: .other
    }
  }

  /// Canonical combining class; 0 for a starter.
  package var combiningClass: Int { Int(property.combining_class) }

  /// Nothing in NFKC or full case folding changes this scalar when it stands alone.
  package var isStable: Bool {
    property.decomp_seqindex == .max && property.casefold_seqindex == .max && !isHangulSyllable
      && property.combining_class == 0
  }

  /// A starter that no composition takes as its second part: no earlier scalar can change it. A precomposed
  /// Hangul syllable counts, although one without a final consonant may take one that follows.
  package var startsAfresh: Bool {
    property.combining_class == 0 && !composesBackwards
  }

  private var isHangulSyllable: Bool { (0xAC00...0xD7A3).contains(scalar) }

  private var composesBackwards: Bool {
    // utf8proc numbers the second parts of compositions from 0x8000; Jamo vowels and finals are done by
    // arithmetic.
    (property.comb_index >= 0x8000 && property.comb_index != .max)
      || (0x1161...0x1175).contains(scalar) || (0x11A8...0x11C2).contains(scalar)
  }
}
