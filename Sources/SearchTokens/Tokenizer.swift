internal import Utf8proc

/// Turns text into search tokens: normalisation `n1` and the segmentation of `Schemas/tokens/v1.md`.
///
/// Deterministic, and the same on every platform for text of the scalars of Unicode 14.0: a client that makes
/// tokens with this library finds what another made with its own code, checked against
/// `Schemas/tokens/vectors-v1.json`.
public struct Tokenizer: Sendable {
  /// The version of the rules, as in the file name of the specification.
  public static let version = 1
  /// The Unicode version of the tables, such as `15.0.0`; at least 14.0, of which the vectors are.
  public static var unicodeVersion: String { Normalization.unicodeVersion }
  /// Distinct tokens of one text, where the caller sets no other limit.
  public static let distinctDefault = 512

  private let table: FoldingTable
  private let distinctMax: Int

  /// `distinctMax`: distinct tokens kept of one text, the first ones; 1 to 16,384.
  public init(distinctMax: Int = Tokenizer.distinctDefault) {
    precondition((1...16_384).contains(distinctMax), "distinctMax is 1 to 16,384")
    table = .shared
    self.distinctMax = distinctMax
  }

  /// The tokens of a text. Never fails; a text without words has none.
  public func tokens(in text: String) -> TokenizedText {
    let normalized = NormalizedText(text, table)
    return Segmenter(normalized.scalars, distinctMax: distinctMax).run(isCut: normalized.isCut)
  }

  /// Whether a text's tokens are the same by every library that follows the rules, now and later: those of scalars
  /// that Unicode 14.0 does not have yet hang on the tables of whoever makes them.
  package static func isSettled(_ text: String) -> Bool {
    text.utf8.allSatisfy { $0 < 0x80 }
      || text.unicodeScalars.allSatisfy { ($0.properties.age?.major ?? .max) <= unicodeSettledMajor }
  }

  private static let unicodeSettledMajor = 14

  /// What a word or phrase of a query asks for.
  func queryTokens(in text: String) -> QueryTokens {
    let normalized = NormalizedText(text, table)
    return Segmenter(normalized.scalars, distinctMax: distinctMax, isQuery: true)
      .runQuery(isCut: normalized.isCut)
  }

  /// The normalised form `n1` of a text: ignored scalars removed, NFKC, full case folding, NFKC, and one
  /// letter for the variants of one.
  public func normalized(_ text: String) -> String {
    NormalizedText(text, table).string
  }
}
