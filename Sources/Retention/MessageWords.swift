import Model
import SearchTokens

/// The words of one version of a message, as far as they are known.
struct MessageWords: Sendable {
  private let set: [[UInt8]]
  private let sequence: [[UInt8]]
  private let prefixes: [[UInt8]]
  /// Whether there are no others.
  let isWhole: Bool
  /// Whether words that stand next to each other do so in ``sequence``.
  private let isOrdered: Bool

  /// Read by the house itself.
  init(_ text: TokenizedText) {
    (set, sequence, prefixes) = (text.setBytes, text.wordBytes, [])
    (isWhole, isOrdered) = (!text.isTruncated, !text.isTruncated)
  }

  /// As the message's client says; `nil` if that cannot be read.
  init?(_ tokens: TokenSet?) {
    guard let tokens, tokens.mode == .plain else { return nil }
    (set, sequence, prefixes) = (tokens.set, tokens.sequence, tokens.prefixes)
    isWhole = !tokens.flags.contains("truncated")
    // A client may send words without their order, and long texts come with the beginning of it only.
    isOrdered = isWhole && !tokens.sequence.isEmpty && tokens.sequence.count < Self.sequenceMax
  }

  /// Clients leave words of a text behind so many out of its order.
  private static let sequenceMax = 4_096

  func truth(_ node: QueryNode) -> Truth {
    switch node {
    case .term(let word): has(word) ? .yes : absent
    case .prefix(let start): begins(start) ? .yes : absent
    case .phrase(let words): phrase(words)
    // The language of queries has none; how far words may stand apart is the index's business.
    case .near(let words, _): words.allSatisfy(has) ? .unknown : absent
    case .all(let nodes): .all(nodes.lazy.map(truth))
    case .any(let nodes): .any(nodes.lazy.map(truth))
    case .not(let node): truth(node).negated
    }
  }

  private var absent: Truth { isWhole ? .no : .unknown }

  private func has(_ word: String) -> Bool {
    set.contains { $0.elementsEqual(word.utf8) } || sequence.contains { $0.elementsEqual(word.utf8) }
  }

  private func begins(_ start: String) -> Bool {
    set.contains { $0.starts(with: start.utf8) } || sequence.contains { $0.starts(with: start.utf8) }
      || prefixes.contains { $0.elementsEqual(start.utf8) }
  }

  private func phrase(_ words: [String]) -> Truth {
    let wanted = words.map { Array($0.utf8) }
    if !wanted.isEmpty, wanted.count <= sequence.count {
      for start in 0...(sequence.count - wanted.count)
      where sequence[start..<(start + wanted.count)].elementsEqual(wanted) {
        return .yes
      }
    }
    guard words.allSatisfy(has) else { return absent }
    return isOrdered ? .no : .unknown
  }
}
