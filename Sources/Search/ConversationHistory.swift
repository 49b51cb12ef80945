import KeyVault
import Catalog
package import History
import Model
import Postgres

/// Pages of one conversation, as one reader may see it, across both tiers.
package struct ConversationHistory: Sendable {
  private let directory: Directory
  private let history: HistoryReader
  private let authorization: Authorization
  private let presenter: MessagePresenter

  package init(directory: Directory, history: HistoryReader) {
    self.directory = directory
    self.history = history
    self.authorization = Authorization(database: history.database, tenant: directory.tenant)
    self.presenter = MessagePresenter(directory: directory)
  }

  /// Where a page begins. Ids are the platform's.
  package enum Anchor: Sendable {
    case newest
    case before(String)
    case after(String)
    case around(String)
    case cursor(Cursor)
  }

  package struct Page: Encodable, Sendable {
    /// In order of time, oldest first.
    package var messages: [MessageView]
    package var nextCursor: String?
    package var coverage: Coverage

    /// Whether this is all there is between the page's first message and its last.
    package struct Coverage: Encodable, Sendable {
      package var complete: Bool { gaps.isEmpty }
      /// What of the archive could not be read; whether a message of the reader's lies in one is not known.
      package var gaps: [SearchReply.Gap]

      private enum CodingKeys: String, CodingKey { case complete, gaps }

      package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(complete, forKey: .complete)
        try container.encode(gaps, forKey: .gaps)
      }
    }

    enum CodingKeys: String, CodingKey {
      case messages, coverage
      case nextCursor = "next_cursor"
    }

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(messages, forKey: .messages)
      try container.encode(nextCursor, forKey: .nextCursor)  // null where there is no more
      try container.encode(coverage, forKey: .coverage)
    }
  }

  package static let limitMax = 1_000

  package func page(_ conversation: String, reader: Reader, anchor: Anchor, limit: Int) async throws -> Page {
    guard let card = try await directory.conversation(conversation) else {
      throw SearchError.unknownConversation
    }
    let windows = try await authorization.windows(reader, in: card)
    guard !windows.isEmpty else { throw SearchError.unknownConversation }
    let limit = min(max(limit, 1), Self.limitMax)
    switch anchor {
    case .newest: return try await older(card, windows, than: .end, limit)
    case .before(let id):
      return try await older(card, windows, than: try await position(id, card, windows), limit)
    case .after(let id):
      return try await newer(card, windows, than: try await position(id, card, windows), limit)
    case .cursor(let cursor):
      return cursor.ascending
        ? try await newer(card, windows, than: cursor.position, limit)
        : try await older(card, windows, than: cursor.position, limit)
    case .around(let id):
      let middle = try await position(id, card, windows)
      let after = MessagePosition(createdAt: middle.createdAt, sequence: middle.sequence + 1)
      var page = try await older(card, windows, than: after, limit / 2 + 1)
      let newer = try await newer(card, windows, than: middle, limit - limit / 2 - 1)
      page.messages += newer.messages
      page.coverage.gaps += newer.coverage.gaps
      return page
    }
  }

  /// One message, if the reader may see it.
  package func message(_ id: String, reader: Reader) async throws -> MessageView {
    guard let message = try await historic(id, reader: reader) else { throw SearchError.unknownMessage }
    guard let view = try await presenter.views([message], withTier: true).first else {
      throw SearchError.unknownMessage
    }
    return view
  }

  private func historic(_ id: String, reader: Reader) async throws -> HistoricMessage? {
    let key = directory.hasher.messageKey(id)
    let locator = try await history.database.read { tx in try Locators.find(key, in: tx) }
    guard let locator, locator.tenant == directory.tenant.id,
      let card = try await directory.cards([locator.conversation])[locator.conversation],
      try await authorization.windows(reader, in: card).contains(where: {
        $0.contains(locator.position.createdAt)
      })
    else { return nil }
    return try await history.messages([locator.place]).first
  }

  /// The place of a message the reader may see.
  private func position(_ id: String, _ card: ConversationCard, _ windows: [MembershipWindow]) async throws
    -> MessagePosition
  {
    let key = directory.hasher.messageKey(id)
    let locator = try await history.database.read { tx in try Locators.find(key, in: tx) }
    guard let locator, locator.conversation == card.conversation,
      windows.contains(where: { $0.contains(locator.position.createdAt) })
    else { throw SearchError.unknownMessage }
    return locator.position
  }

  private func older(
    _ card: ConversationCard, _ windows: [MembershipWindow], than position: MessagePosition, _ limit: Int
  ) async throws -> Page {
    var found: [HistoricMessage] = []
    var gaps: [HistoryReader.Gap] = []
    for window in windows.reversed() where found.count <= limit {
      var span = span(card, window)
      span.before = min(position, span.before)
      guard span.after < span.before else { continue }
      let read = try await history.readablePage(span, limit: limit + 1 - found.count)
      found += read.messages
      gaps += read.gaps
    }
    let page = Array(found.prefix(limit).reversed())
    let end = found.count > limit ? page.first?.position : nil
    // What lies beyond the page is told with the next one.
    if let end { gaps.removeAll { $0.last < end } }
    return Page(
      messages: try await presenter.views(page), nextCursor: end.map { Cursor(position: $0).text },
      coverage: coverage(gaps, card))
  }

  private func newer(
    _ card: ConversationCard, _ windows: [MembershipWindow], than position: MessagePosition, _ limit: Int
  ) async throws -> Page {
    var found: [HistoricMessage] = []
    var gaps: [HistoryReader.Gap] = []
    for window in windows where found.count <= limit {
      var span = span(card, window)
      span.after = max(position, span.after)
      span.ascending = true
      guard span.after < span.before else { continue }
      let read = try await history.readablePage(span, limit: limit + 1 - found.count)
      found += read.messages
      gaps += read.gaps
    }
    let page = Array(found.prefix(limit))
    let end = found.count > limit ? page.last?.position : nil
    if let end { gaps.removeAll { end < $0.first } }
    return Page(
      messages: try await presenter.views(page),
      nextCursor: end.map { Cursor(position: $0, ascending: true).text }, coverage: coverage(gaps, card))
  }

  private func coverage(_ gaps: [HistoryReader.Gap], _ card: ConversationCard) -> Page.Coverage {
    Page.Coverage(
      gaps: gaps.sorted { $0.first < $1.first }.map {
        SearchReply.Gap(
          conversationID: card.profile.id, from: $0.first.createdAt.rfc3339, to: $0.last.createdAt.rfc3339,
          reason: $0.reason.rawValue)
      })
  }

  /// Sequences begin at 1, so sequence 0 is before every message of its time.
  private func span(_ card: ConversationCard, _ window: MembershipWindow) -> HistoryReader.Span {
    HistoryReader.Span(
      conversation: card.conversation, route: card.route, tenant: directory.tenant.id,
      after: MessagePosition(createdAt: window.from, sequence: 0),
      before: MessagePosition(createdAt: window.until, sequence: 0))
  }
}
