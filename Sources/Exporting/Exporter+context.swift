package import Catalog
import History
import Model
import Postgres

extension Exporter {
  /// Messages a selection by query takes in at most: they are in memory by place.
  static let gatheredMax = 1_000_000

  /// Narrows a selection to what a query found. The hits satisfy the rest of the selection; what surrounds them and
  /// their threads goes along whoever wrote it, as a line without the talk around it proves little.
  package func narrow(
    _ selection: ExportSelection, to hits: [Locator], mates: [Locator], context: ExportQuery.Context,
    stating query: ExportQuery
  ) async throws -> ExportSelection {
    var rest = selection
    rest.messages = nil
    let chosen = try await chosen(hits, rest)
    let threads = Set(chosen.map(\.conversation))
    // Threads of hits that the rest of the selection left out are left out with them.
    var around = Dictionary(
      mates.filter { threads.contains($0.conversation) }.map { ($0.key, $0) },
      uniquingKeysWith: { first, _ in first })
    var isWhole = true
    for (conversation, found) in Dictionary(grouping: chosen, by: \.conversation) {
      isWhole = try await gather(context, around: found, in: conversation, into: &around) && isWhole
    }
    for hit in chosen { around[hit.key] = nil }
    rest.messages = chosen + around.values.sorted { $0.position < $1.position }
    rest.context = Set(around.keys)
    var stated = query
    (stated.hits, stated.around) = (chosen.count, around.count)
    stated.complete = stated.complete && isWhole
    rest.query = stated
    return rest
  }

  /// `false` if damage kept a part of it from being read.
  private func gather(
    _ context: ExportQuery.Context, around hits: [Locator], in conversation: ConversationID,
    into around: inout [MessageKey: Locator]
  ) async throws -> Bool {
    let hits = hits.sorted { $0.position < $1.position }
    var (reached, isWhole) = (MessagePosition.start, true)
    for hit in hits {
      try Task.checkCancellation()
      switch context {
      case .none: return true
      case .messages(let count):
        isWhole = try await take(span(hit, before: hit.position), count, into: &around) && isWhole
        isWhole = try await take(span(hit, after: hit.position), count, into: &around) && isWhole
      case .day:
        let day = Self.day(of: hit.position.createdAt)
        // The hits are in order: a day is read once, however many of them it has.
        guard reached < day.end else { continue }
        reached = day.end
        isWhole =
          try await take(span(hit, after: day.start, before: day.end), .max, into: &around) && isWhole
      }
    }
    return isWhole
  }

  private func span(
    _ hit: Locator, after: MessagePosition? = nil, before: MessagePosition? = nil
  ) -> HistoryReader.Span {
    HistoryReader.Span(
      conversation: hit.conversation, route: hit.route, tenant: tenant.id, after: after ?? .start,
      before: before ?? .end, ascending: after != nil)
  }

  private func take(_ span: HistoryReader.Span, _ count: Int, into around: inout [MessageKey: Locator])
    async throws -> Bool
  {
    var (rest, left, isWhole) = (span, count, true)
    while left > 0 {
      let (page, gaps) = try await history.undamagedPage(rest, of: span, limit: min(left, Self.pageMessages))
      if !gaps.isEmpty { isWhole = false }
      for message in page { around[message.locator.key] = message.locator }
      guard around.count <= Self.gatheredMax else {
        throw ExportError(
          .tooMany, "the query and its context take in over \(Self.gatheredMax) messages; narrow it by time")
      }
      left -= page.count
      guard left > 0, let last = page.last else { break }
      if rest.ascending { rest.after = last.position } else { rest.before = last.position }
    }
    return isWhole
  }

  /// Positions just before the first and the last moment's end of a day, UTC. Sequences begin at 1.
  private static func day(of time: Timestamp) -> (start: MessagePosition, end: MessagePosition) {
    let day = DaySlice.day(of: time)
    return (
      MessagePosition(createdAt: DaySlice(day: day).start, sequence: 0),
      MessagePosition(createdAt: DaySlice(day: day + 1).start, sequence: 0)
    )
  }
}
