import Catalog
import Model

/// What an export takes in, as it was when the export began: what comes later is not in it, however often it is
/// interrupted.
struct ExportSnapshot: Codable {
  var subject: Int64?
  var conversations: [Int64]?
  var hold: Int64?
  /// Keys of messages that were picked, high and low by turns.
  var messages: [Int64]?
  /// Of those, the ones that only surround a hit.
  var context: [Int64]?
  var query: ExportQuery?
  var from: Int64?
  var to: Int64?
  /// The last step of the feed that counts, by index group.
  let heads: [Int64]
  /// Located messages by state.
  let totals: [Int16: Int]
  /// Messages of each conversation that are to be there: number and count by turns.
  let expected: [Int64]

  init(_ selection: ExportSelection, heads: [Int64], counts: [ExportCount]) {
    subject = selection.subject?.rawValue
    conversations = selection.conversations?.map(\.rawValue)
    hold = selection.hold
    messages = selection.messages?.flatMap { [$0.key.high, $0.key.low] }
    context = selection.messages.map { _ in selection.context.sorted().flatMap { [$0.high, $0.low] } }
    query = selection.query
    from = selection.from?.microseconds
    to = selection.to?.microseconds
    self.heads = heads
    totals = counts.reduce(into: [:]) { $0[$1.state.rawValue, default: 0] += $1.messages }
    expected = Self.expected(counts, selection.states).sorted { $0.key < $1.key }
      .flatMap { [$0.key.rawValue, Int64($0.value)] }
  }

  static func expected(_ counts: [ExportCount], _ states: Set<Locator.State>) -> [ConversationID: Int] {
    counts.filter { states.contains($0.state) }
      .reduce(into: [:]) { $0[$1.conversation, default: 0] += $1.messages }
  }

  var expectedByConversation: [ConversationID: Int] {
    Dictionary(
      stride(from: 0, to: expected.count - 1, by: 2).map {
        (ConversationID(rawValue: expected[$0]), Int(expected[$0 + 1]))
      }, uniquingKeysWith: { first, _ in first })
  }

  var states: [Locator.State: Int] {
    Dictionary(
      totals.compactMap { raw, count in Locator.State(rawValue: raw).map { ($0, count) } },
      uniquingKeysWith: { first, _ in first })
  }

  static func keys(_ numbers: [Int64]) -> [MessageKey] {
    stride(from: 0, to: numbers.count - 1, by: 2).map { MessageKey(high: numbers[$0], low: numbers[$0 + 1]) }
  }

  /// Without the messages that were picked: those are looked up anew.
  var selection: ExportSelection {
    var selection = ExportSelection(
      subject: subject.map { SubjectID(rawValue: $0) },
      conversations: conversations.map { $0.map { ConversationID(rawValue: $0) } }, hold: hold,
      from: from.map { Timestamp(microseconds: $0) }, to: to.map { Timestamp(microseconds: $0) })
    selection.query = query
    selection.context = Set(Self.keys(context ?? []))
    selection.heads = heads
    return selection
  }
}

extension ExportSnapshot {
  /// Whether the same is asked for again. Picked messages are compared as sets: they come from a search.
  func isOf(_ selection: ExportSelection) -> Bool {
    let other = ExportSnapshot(selection, heads: heads, counts: [])
    return subject == other.subject && conversations?.sorted() == other.conversations?.sorted()
      && hold == other.hold && from == other.from && to == other.to
      && messages.map { Set(Self.keys($0)) } == other.messages.map { Set(Self.keys($0)) }
      && context.map { Set(Self.keys($0)) } == other.context.map { Set(Self.keys($0)) }
  }
}
