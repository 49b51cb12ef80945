/// A question that cannot be answered as it was put. `description` is safe to show: it never quotes the query.
package struct SearchError: Error, CustomStringConvertible {
  package enum Code: String, Sendable {
    case unknownConversation = "unknown_conversation"
    case unknownMessage = "unknown_message"
    case badQuery = "bad_query"
    case badCursor = "bad_cursor"
    case unsupported = "unsupported"
    case unknownMember = "unknown_member"
    case unknownSaved = "unknown_saved_search"
    case tooMany = "too_many_saved_searches"
  }
  package let code: Code
  package let description: String

  package init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }

  static let cursorOfOtherOrder = SearchError(
    .badCursor, "the cursor comes from a search with another sort or query")
  /// Said alike for what is not there and for what the reader may not know of.
  package static let unknownConversation = SearchError(
    .unknownConversation, "there is no such conversation, or you are not a member of it")
  package static let unknownMember = SearchError(
    .unknownMember, "--as names nobody this tenant knows")
  package static let unknownMessage = SearchError(
    .unknownMessage, "there is no such message, or you may not read it")
}
