/// A piece of a query with the place where it stands, in scalars.
struct QueryLexeme {
  enum Kind: Equatable { case word(String), phrase(String), minus, or, and, open, close }
  let kind: Kind
  let position: Int
  var length = 1
}

/// `name:value`.
struct QueryFilter {
  enum Name: String, CaseIterable { case from, `in`, with, has, `is`, before, after, on }
  let name: Name
  let value: String
  /// Where the value starts.
  let position: Int
  /// Of the value, with its quotation marks.
  let length: Int

  /// One of an enumeration's values, whatever their case.
  func choice<Choice: RawRepresentable & CaseIterable>() throws(QueryError) -> Choice
  where Choice.RawValue == String {
    if let choice = Choice(rawValue: value.lowercased()) { return choice }
    let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    throw QueryError(.badValue, at: position, length: length, "\(name.rawValue): takes one of \(known)")
  }

  func time(unless known: QueryTime?) throws(QueryError) -> QueryTime {
    guard known == nil else {
      throw QueryError(.repeatedFilter, at: position, length: length, "\(name.rawValue): can be given once")
    }
    if let time = QueryTime(value) { return time }
    throw QueryError(
      .badValue, at: position, length: length,
      "\(name.rawValue): takes a date such as 2024-05-31, a month, a year or RFC 3339")
  }
}

/// Cuts a query into lexemes, and takes the filters out.
struct QueryLexer {
  private let scalars: [Unicode.Scalar]
  private var index = 0
  private var depth = 0
  private var lexemes: [QueryLexeme] = []
  private(set) var filters: [QueryFilter] = []

  /// Straight and typographic double quotation marks: phones and word processors put in the latter.
  private static let quotes: Set<Unicode.Scalar> = ["\"", "\u{201C}", "\u{201D}", "\u{201E}"]

  init(_ scalars: [Unicode.Scalar]) { self.scalars = scalars }

  mutating func run() throws(QueryError) -> [QueryLexeme] {
    while index < scalars.count {
      let scalar = scalars[index]
      if scalar.properties.isWhitespace {
        index += 1
      } else if scalar == "(" {
        depth += 1
        single(.open)
      } else if scalar == ")" {
        depth -= 1
        single(.close)
      } else if Self.quotes.contains(scalar) {
        let position = index
        let text = try quoted()
        lexemes.append(QueryLexeme(kind: .phrase(text), position: position, length: index - position))
      } else if scalar == "-", scalars[index...].dropFirst().first == "-" {
        // `--force` is a word of command lines; nobody leaves out twice.
        while index < scalars.count, scalars[index] == "-" { index += 1 }
      } else if scalar == "-", isFollowedByOperand {
        single(.minus)
      } else {
        try bare()
      }
    }
    return lexemes
  }

  private mutating func single(_ kind: QueryLexeme.Kind) {
    lexemes.append(QueryLexeme(kind: kind, position: index))
    index += 1
  }

  /// A `-` before white space, `)` or the end is punctuation.
  private var isFollowedByOperand: Bool {
    guard index + 1 < scalars.count else { return false }
    let next = scalars[index + 1]
    return !next.properties.isWhitespace && next != ")"
  }

  /// Reads from a quotation mark behind its partner; returns what is between.
  private mutating func quoted() throws(QueryError) -> String {
    let start = index
    index += 1
    while index < scalars.count, !Self.quotes.contains(scalars[index]) { index += 1 }
    guard index < scalars.count else {
      throw QueryError(.openQuote, at: start, "this quotation mark is not closed")
    }
    index += 1
    return Self.string(scalars[(start + 1)..<(index - 1)])
  }

  private mutating func bare() throws(QueryError) {
    let start = index
    while index < scalars.count, !isEndOfWord(scalars[index]) {
      if scalars[index] == ":",
        let name = QueryFilter.Name(rawValue: Self.string(scalars[start..<index]).lowercased())
      {
        index += 1
        return try filter(name, start)
      }
      index += 1
    }
    // `run()` is a word of programs, not a group of nothing.
    while index > start, scalars[index...].starts(with: ["(", ")"]) { index += 2 }
    let word = Self.string(scalars[start..<index])
    let kind: QueryLexeme.Kind = word == "OR" ? .or : word == "AND" ? .and : .word(word)
    lexemes.append(QueryLexeme(kind: kind, position: start, length: index - start))
  }

  private func isEndOfWord(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || scalar == "(" || scalar == ")" || Self.quotes.contains(scalar)
  }

  private mutating func filter(_ name: QueryFilter.Name, _ start: Int) throws(QueryError) {
    guard depth <= 0 else {
      throw QueryError(
        .misplacedFilter, at: start, length: index - start,
        "a filter holds for the whole query: put it outside ( )")
    }
    if let last = lexemes.last, last.kind == .minus, last.position == start - 1 {
      throw QueryError(.misplacedFilter, at: last.position, "a filter cannot be negated")
    }
    let position = index
    let value = try filterValue()
    guard !value.isEmpty else {
      throw QueryError(.missingValue, at: position, "\(name.rawValue): needs a value right behind it")
    }
    filters.append(QueryFilter(name: name, value: value, position: position, length: index - position))
  }

  private mutating func filterValue() throws(QueryError) -> String {
    if index < scalars.count, Self.quotes.contains(scalars[index]) { return try quoted() }
    let start = index
    while index < scalars.count, !scalars[index].properties.isWhitespace { index += 1 }
    return Self.string(scalars[start..<index])
  }

  private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }
}
