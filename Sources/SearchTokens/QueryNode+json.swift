/// `{"term":t}`, `{"phrase":[t…]}`, `{"near":[t…],"within":n}`, `{"prefix":t}`, `{"all":[Q…]}`,
/// `{"any":[Q…]}`, `{"not":Q}`.
extension QueryNode: Codable {
  private enum Key: String, CodingKey, CaseIterable { case term, phrase, near, within, prefix, all, any, not }

  /// Refuses trees over the limits, with more than one condition in an object, or with unknown keys only.
  public init(from decoder: any Decoder) throws {
    // Two steps of the path (key, index) to a level at most; refused before going deeper.
    guard decoder.codingPath.count <= Self.depthMax * 2 + Self.pathSlack else {
      throw Self.corrupted(decoder, "a query is at most \(Self.depthMax) levels deep")
    }
    let values = try decoder.container(keyedBy: Key.self)
    let keys = values.allKeys.filter { $0 != .within }
    guard keys.count == 1 else {
      throw Self.corrupted(
        decoder, "a condition has exactly one of term, phrase, near, prefix, all, any, not")
    }
    self = try Self.decode(keys[0], values)
    if let fault { throw Self.corrupted(decoder, fault) }
  }

  /// Keys a tree may be nested in, in a request.
  private static let pathSlack = 8

  private static func decode(_ key: Key, _ values: KeyedDecodingContainer<Key>) throws -> QueryNode {
    switch key {
    case .term: .term(try values.decode(String.self, forKey: .term))
    case .phrase: .phrase(try values.decode([String].self, forKey: .phrase))
    case .near:
      .near(
        try values.decode([String].self, forKey: .near), within: try values.decode(Int.self, forKey: .within))
    case .prefix: .prefix(try values.decode(String.self, forKey: .prefix))
    case .all: .all(try values.decode([QueryNode].self, forKey: .all))
    case .any: .any(try values.decode([QueryNode].self, forKey: .any))
    case .not, .within: .not(try values.decode(QueryNode.self, forKey: .not))
    }
  }

  private static func corrupted(_ decoder: any Decoder, _ why: String) -> DecodingError {
    .dataCorrupted(DecodingError.Context(codingPath: decoder.codingPath, debugDescription: faultMark + why))
  }

  /// Why a body with a tree cannot be read, and where: `/query/all/2: a term has 1 to 64 bytes`. Holds
  /// nothing of what was asked.
  public static func explanation(of error: DecodingError) -> String {
    let (path, detail) = fault(of: error)
    return path.isEmpty ? detail : "\(path): \(detail)"
  }

  /// As ``explanation(of:)``: the place as a JSON pointer, empty for the body itself, and what is wrong there.
  public static func fault(of error: DecodingError) -> (path: String, detail: String) {
    let unreadable = "the query cannot be read"
    let (path, detail): ([any CodingKey], String)
    switch error {
    case .dataCorrupted(let found):
      // Other messages of this kind may quote what was read.
      let isOurs = found.debugDescription.hasPrefix(faultMark)
      (path, detail) = (
        found.codingPath, isOurs ? String(found.debugDescription.dropFirst(faultMark.count)) : unreadable
      )
    case .keyNotFound(let key, let found):
      (path, detail) = (
        found.codingPath, isKnown(key.stringValue) ? "\(key.stringValue) is missing" : unreadable
      )
    case .typeMismatch(_, let found), .valueNotFound(_, let found):
      (path, detail) = (found.codingPath, "not the kind of value that belongs here")
    @unknown default: return ("", unreadable)
    }
    let steps = path.map { key in
      key.intValue.map(String.init) ?? (isKnown(key.stringValue) ? key.stringValue : "?")
    }
    return (steps.map { "/\($0)" }.joined(), detail)
  }

  /// Keys of trees and of the requests that hold them; any other is the asker's own text.
  private static func isKnown(_ key: String) -> Bool {
    Key(stringValue: key) != nil || requestKeys.contains(key)
  }

  private static let requestKeys: Set = [
    "query", "sets", "conversation_id", "generation", "conversation_ids", "from", "before", "after", "has",
    "thread_id", "sort", "count", "facets", "limit", "cursor", "include_bodies",
  ]

  /// Starts the messages that are made here.
  private static let faultMark = "query: "

  /// One key an object, two for `near`.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    switch self {
    case .term(let word): try values.encode(word, forKey: .term)
    case .phrase(let words): try values.encode(words, forKey: .phrase)
    case .near(let words, let within):
      try values.encode(words, forKey: .near)
      try values.encode(within, forKey: .within)
    case .prefix(let word): try values.encode(word, forKey: .prefix)
    case .all(let nodes): try values.encode(nodes, forKey: .all)
    case .any(let nodes): try values.encode(nodes, forKey: .any)
    case .not(let node): try values.encode(node, forKey: .not)
    }
  }
}

/// The tree in the query language. `near` has no form there and is written as `near/5(a b)`, which does not
/// parse.
extension QueryNode: CustomStringConvertible {
  /// Parses to the same tree, for what the parser makes.
  public var description: String {
    switch self {
    case .term(let word): word
    case .phrase(let words): "\"\(words.joined(separator: " "))\""
    case .near(let words, let within): "near/\(within)(\(words.joined(separator: " ")))"
    case .prefix(let word): "\(word)*"
    case .all(let nodes): nodes.map(\.operand).joined(separator: " ")
    case .any(let nodes): nodes.map(\.operand).joined(separator: " OR ")
    // `--a` would be the word of a command line.
    case .not(.not(let node)): "-(-\(node.operand))"
    case .not(let node): "-\(node.operand)"
    }
  }

  private var operand: String {
    switch self {
    case .all, .any: "(\(description))"
    default: description
    }
  }
}
