package import Catalog
package import KeyVault
package import Model
import Sodium

/// What the database knows a word of a name by: keyed hashes, of a domain for each class, so that neither a word nor
/// its beginnings can be made out, nor tried, without the root key.
package struct NameHasher: Sendable {
  private let hasher: TenantHasher

  package init(_ hasher: TenantHasher) { self.hasher = hasher }

  /// Longest beginning of a word that is kept, in scalars; whoever has typed more has typed enough for the whole.
  package static let prefixScalarsMax = 24

  package func word(_ text: String) -> Int64 { hasher.number("name/word", text) }
  package func prefix(_ text: String) -> Int64 { hasher.number("name/prefix", text) }
  package func blindedWord(_ token: [UInt8]) -> Int64 { hasher.number("name/blinded-word", token.hex) }
  package func blindedPrefix(_ token: [UInt8]) -> Int64 { hasher.number("name/blinded-prefix", token.hex) }

  /// All a person is found by; `nil`: their name came without tokens.
  package func names(_ tokens: TokenSet?) -> SubjectTokens.Names {
    guard let tokens else { return SubjectTokens.Names(modes: 0, tokens: []) }
    let words = tokens.set + tokens.sequence
    var found: Set<Int64> = []
    switch tokens.mode {
    case .blinded:
      for word in words { found.insert(blindedWord(word)) }
      for start in tokens.prefixes { found.insert(blindedPrefix(start)) }
    case .plain:
      for word in words {
        let text = String(decoding: word, as: UTF8.self)
        found.insert(self.word(text))
        found.formUnion(prefixes(of: text))
      }
      for start in tokens.prefixes { found.insert(prefix(String(decoding: start, as: UTF8.self))) }
    }
    return SubjectTokens.Names(modes: tokens.mode == .plain ? 1 : 2, tokens: found.sorted())
  }

  /// Addresses are found by their words, and whole.
  private func prefixes(of word: String) -> [Int64] {
    guard !word.utf8.contains(where: { Self.joins.contains($0) }) else { return [] }
    let scalars = word.unicodeScalars
    return (1...Self.prefixScalarsMax).prefix(scalars.count).map { prefix(String(scalars.prefix($0))) }
  }

  private static let joins = Set("@./:".utf8)
}
