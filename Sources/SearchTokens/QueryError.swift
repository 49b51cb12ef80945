/// A query that cannot be read, with the place where it goes wrong.
public struct QueryError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public enum Code: String, Sendable, CaseIterable {
    /// A quotation mark without its partner.
    case openQuote = "open_quote"
    /// A parenthesis without its partner.
    case unbalanced = "unbalanced_parenthesis"
    /// Parentheses with nothing to search for between them.
    case emptyGroup = "empty_group"
    /// `OR` with nothing to search for on one of its sides.
    case danglingOr = "dangling_or"
    /// Nothing that can be searched for, such as punctuation only.
    case nothingToSearch = "nothing_to_search"
    /// A filter without a value.
    case missingValue = "missing_value"
    /// A filter with a value it does not know.
    case badValue = "bad_value"
    /// A filter where none can stand: in parentheses, or behind `-`.
    case misplacedFilter = "misplaced_filter"
    /// A filter that can be given once only.
    case repeatedFilter = "repeated_filter"
    /// A beginning of a word of fewer than three scalars.
    case shortPrefix = "short_prefix"
    /// More than 64 terms.
    case tooManyTerms = "too_many_terms"
    /// More than 16 levels.
    case tooDeep = "too_deep"
    /// More than 4,096 scalars.
    case tooLong = "too_long"
    /// A beginning that the tokens of blinded messages do not hold.
    case prefixNotAvailable = "prefix_not_available"
    /// Blinded tokens can only confirm, so a query needs something to look for besides what it leaves out.
    case needsPositiveTerm = "needs_positive_term"
  }

  /// What is wrong.
  public let code: Code
  /// Where, in Unicode scalars from the start of the query, counted from 0.
  public let position: Int
  /// How many scalars from there it is about; at least 1.
  public let length: Int
  /// What is wrong, in words, without the query's text.
  public let detail: String

  init(_ code: Code, at position: Int, length: Int = 1, _ detail: String) {
    self.code = code
    self.position = position
    self.length = max(1, length)
    self.detail = detail
  }

  /// With the place in `query`, for what blinding refuses: a tree has no places, the query it was read from
  /// does.
  public func located(in query: String) -> QueryError {
    var lexer = QueryLexer(Array(query.unicodeScalars))
    guard code == .prefixNotAvailable || code == .needsPositiveTerm, let lexemes = try? lexer.run() else {
      return self
    }
    let place = lexemes.first { lexeme in
      switch lexeme.kind {
      case .word(let text): code == .prefixNotAvailable && text.hasSuffix("*")
      case .minus: code == .needsPositiveTerm
      default: false
      }
    }
    return QueryError(code, at: place?.position ?? position, length: place?.length ?? length, detail)
  }

  /// The same query gives the same error.
  public var isRetryable: Bool { false }

  /// `detail` and the place, counted from 1 as people do. Holds no part of the query.
  public var description: String { "\(detail) (character \(position + 1))" }

  /// The query with a caret under the place: two lines for a terminal.
  public func marked(in query: String) -> String {
    "\(query)\n\(String(repeating: " ", count: position))^"
  }
}
