/// A query of the query language (CONTRACT §4), read.
///
/// ```
/// bare words        all of them          word*            a word that begins so, from three letters
/// "a phrase"        in this order        ( )              groups
/// a OR b            either               from: in: with:  ids; "quoted" if they hold spaces
/// -word             not this             before: after: on:   2024, 2024-05, 2024-05-31, RFC 3339
///                                        has:link|file|image|reaction   is:edited|thread
/// ```
/// A word beside a word binds closer than `OR`: `a b OR c` is `(a b) OR c`. Filters hold for the whole query,
/// wherever they stand outside parentheses; several of one kind widen (`from:`, `in:`), or all must hold
/// (`has:`, `is:`, `with:`). Words are normalised by ``Tokenizer``: `Straße` and `STRASSE` are the same,
/// `foo-bar` is the phrase of its two words, and a word of a script without spaces is the phrase of its pairs
/// of letters.
public struct ParsedQuery: Hashable, Sendable {
  /// What a message can hold besides words.
  public enum Has: String, Sendable, CaseIterable {
    /// A link in the text.
    case link
    /// Any attachment.
    case file
    /// An attached image.
    case image
    /// Someone's reaction to it.
    case reaction
  }

  /// What a message can be.
  public enum Is: String, Sendable, CaseIterable {
    /// Changed after it was sent.
    case edited
    /// Part of a thread.
    case thread
  }

  /// What the text must hold; `nil` if the query has filters only, or is blank.
  public var text: QueryNode?
  /// Senders, any of them.
  public var from: [String] = []
  /// Conversations, any of them.
  public var `in`: [String] = []
  /// Created before the time begins.
  public var before: QueryTime?
  /// Created after the time has ended.
  public var after: QueryTime?
  /// Created within the time.
  public var on: QueryTime?
  /// What it holds, all of them.
  public var has: [Has] = []
  /// What it is, all of them.
  public var `is`: [Is] = []
  /// Subjects who are in the conversation, all of them.
  public var with: [String] = []

  /// Scalars of a query.
  public static let scalarsMax = 4_096

  /// A query that asks for nothing yet.
  public init() {}

  /// Reads a query. A blank one gives an empty result, so that a caller can treat it as "no condition".
  /// - Throws: ``QueryError``, which points at the place.
  public init(_ query: String, tokenizer: Tokenizer = Tokenizer()) throws(QueryError) {
    let scalars = Array(query.unicodeScalars.prefix(Self.scalarsMax + 1))
    guard scalars.count <= Self.scalarsMax else {
      throw QueryError(.tooLong, at: Self.scalarsMax, "a query has at most \(Self.scalarsMax) characters")
    }
    var lexer = QueryLexer(scalars)
    let lexemes = try lexer.run()
    for filter in lexer.filters { try add(filter) }
    var parser = QueryParser(lexemes, tokenizer)
    text = try parser.run()
    if text == nil, lexer.filters.isEmpty, let first = lexemes.first {
      throw QueryError(
        .nothingToSearch, at: first.position, length: first.length, "there is no word here to search for")
    }
  }

  /// Asks for nothing.
  public var isEmpty: Bool { self == ParsedQuery() }

  private mutating func add(_ filter: QueryFilter) throws(QueryError) {
    switch filter.name {
    case .from: from.append(filter.value)
    case .in: self.in.append(filter.value)
    case .with: with.append(filter.value)
    case .has: has.append(try filter.choice())
    case .is: self.is.append(try filter.choice())
    case .before: before = try filter.time(unless: before)
    case .after: after = try filter.time(unless: after)
    case .on: on = try filter.time(unless: on)
    }
  }
}

/// The query in a form that reads to the same query.
extension ParsedQuery: CustomStringConvertible {
  /// Filters first, then the text.
  public var description: String {
    var parts: [String] = []
    for (name, values) in [("from", from), ("in", self.in), ("with", with)] {
      parts += values.map { "\(name):\(Self.quoted($0))" }
    }
    for (name, time) in [("before", before), ("after", after), ("on", on)] {
      if let time { parts.append("\(name):\(time.text)") }
    }
    parts += has.map { "has:\($0.rawValue)" } + self.is.map { "is:\($0.rawValue)" }
    if let text { parts.append(text.description) }
    return parts.joined(separator: " ")
  }

  private static func quoted(_ value: String) -> String {
    value.unicodeScalars.contains { $0.properties.isWhitespace } ? "\"\(value)\"" : value
  }
}
