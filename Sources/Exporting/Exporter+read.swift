import Catalog
import History
import Model

extension Exporter {
  /// The next messages of a conversation, of which those that damage keeps from being read are missing: gaps say where.
  /// `nil` at the end.
  func next(_ source: inout MessageSource, _ selection: ExportSelection) async throws -> [HistoricMessage]? {
    source.picked == nil
      ? try await nextOfAll(&source, selection) : try await nextPicked(&source, selection)
  }

  private func nextPicked(_ source: inout MessageSource, _ selection: ExportSelection) async throws
    -> [HistoricMessage]?
  {
    guard var picked = source.picked, !picked.isEmpty else { return nil }
    let page = Array(picked.prefix(settings.page))
    picked.removeFirst(page.count)
    source.picked = picked
    source.after = page.last?.position ?? source.after
    let read = try await history.readable(page.map(\.place), states: selection.states)
    let damaged = read.damaged.map(\.position).sorted()
    if let first = damaged.first, let last = damaged.last {
      source.gaps.append(
        MessageSource.Gap(first: first.createdAt, last: last.createdAt, messages: damaged.count))
    }
    return read.messages.sorted { $0.position < $1.position }
  }

  private func nextOfAll(_ source: inout MessageSource, _ selection: ExportSelection) async throws
    -> [HistoricMessage]?
  {
    guard !source.isAtEnd else { return nil }
    let whole = HistoryReader.Span(
      conversation: source.card.conversation, route: source.card.route, tenant: tenant.id,
      after: selection.from.map { MessagePosition(createdAt: $0, sequence: 0) } ?? .start,
      before: selection.to.map { MessagePosition(createdAt: $0, sequence: 0) } ?? .end, ascending: true)
    var span = whole
    span.after = max(source.after, whole.after)
    let (page, gaps) = try await history.undamagedPage(
      span, of: whole, limit: settings.page, states: selection.states)
    // A block that reaches beyond the page comes again with the next one: it is stated when it is passed.
    let reached = page.last?.position ?? .end
    source.gaps += gaps.filter { span.after < $0.last && $0.last <= reached }.map {
      MessageSource.Gap(first: $0.first.createdAt, last: $0.last.createdAt)
    }
    guard let last = page.last else { return nil }
    source.after = last.position
    // A page is short only at the end. Gaps may lie behind its last message: they come with the next one.
    source.isAtEnd = page.count < settings.page && gaps.isEmpty
    return page.filter { selection.admits($0.locator) }
  }

  func state(_ gaps: [MessageSource.Gap], _ card: ConversationCard, _ writing: ExportWriting) {
    for gap in gaps {
      writing.counts.gaps += 1
      writing.draft.warnings.add(
        .damaged(
          conversation: card.profile.id, first: gap.first.rfc3339, last: gap.last.rfc3339,
          messages: gap.messages))
    }
  }
}

extension MessageSource {
  mutating func takeGaps() -> [Gap] {
    defer { gaps = [] }
    return gaps
  }
}
