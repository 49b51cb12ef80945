/// What a message's tokens must hold: the tree of CONTRACT §4, over normalised words or over blinded tokens
/// in base64url.
public indirect enum QueryNode: Hashable, Sendable {
  /// The token occurs.
  case term(String)
  /// The words stand next to each other in this order; at least two.
  case phrase([String])
  /// The words stand within a window of so many words, in any order.
  case near([String], within: Int)
  /// A word begins so.
  case prefix(String)
  /// All of these hold.
  case all([QueryNode])
  /// At least one of these holds.
  case any([QueryNode])
  /// This does not hold.
  case not(QueryNode)

  /// Tokens in a query.
  public static let termsMax = 64
  /// Levels of a query's tree; a lone term has one.
  public static let depthMax = 16
  /// Words a ``near(_:within:)`` may span.
  public static let withinMax = 100
  /// The fewest scalars of a ``prefix(_:)``: shorter ones match too much to be answered in time.
  public static let prefixScalarsMin = 3

  /// Tokens in the tree.
  public var termCount: Int {
    switch self {
    case .term, .prefix: 1
    case .phrase(let words), .near(let words, _): words.count
    case .all(let nodes), .any(let nodes): nodes.reduce(0) { $0 + $1.termCount }
    case .not(let node): node.termCount
    }
  }

  /// Levels of the tree.
  public var depth: Int {
    switch self {
    case .term, .prefix, .phrase, .near: 1
    case .all(let nodes), .any(let nodes): 1 + (nodes.map(\.depth).max() ?? 0)
    case .not(let node): 1 + node.depth
    }
  }

  /// What makes the tree unusable, in words; `nil` if nothing does. Checked on every tree that comes as JSON.
  public var fault: String? {
    if termCount > Self.termsMax { return "a query has at most \(Self.termsMax) terms" }
    if depth > Self.depthMax { return "a query is at most \(Self.depthMax) levels deep" }
    return localFault
  }

  private var localFault: String? {
    switch self {
    case .term(let word), .prefix(let word): Self.fault(of: [word])
    case .phrase(let words): words.isEmpty ? "a phrase has at least one term" : Self.fault(of: words)
    case .near(let words, let within):
      if words.count < 2 {
        "near has at least two terms"
      } else if !(1...Self.withinMax).contains(within) {
        "within is 1 to \(Self.withinMax)"
      } else {
        Self.fault(of: words)
      }
    case .all(let nodes), .any(let nodes):
      nodes.isEmpty ? "a list of conditions is empty" : nodes.lazy.compactMap(\.localFault).first
    case .not(let node): node.localFault
    }
  }

  private static func fault(of words: [String]) -> String? {
    for word in words {
      let size = word.utf8.count
      if !(1...TokenSink.tokenBytesMax).contains(size) { return "a term has 1 to 64 bytes" }
      if word.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) {
        return "a term has no control characters"
      }
    }
    return nil
  }
}

/// Makes a list flat and drops the list around a single element, so that equal queries have equal trees.
extension QueryNode {
  static func joined(all nodes: [QueryNode]) -> QueryNode {
    let flat = nodes.flatMap { if case .all(let inner) = $0 { inner } else { [$0] } }
    return flat.count == 1 ? flat[0] : .all(flat)
  }

  static func joined(any nodes: [QueryNode]) -> QueryNode {
    var flat: [QueryNode] = []
    for node in nodes.flatMap({ if case .any(let inner) = $0 { inner } else { [$0] } })
    where !flat.contains(node) {
      flat.append(node)
    }
    return flat.count == 1 ? flat[0] : .any(flat)
  }
}
