import Catalog
import History
import Ingestion
import Model
import Runtime
import Search
import SearchTokens
import Testing

/// Messages of known tokens, and what a reader of them must be told.
struct CoverageHouse {
  let house: IndexHouse

  init() async throws { house = try await IndexHouse() }

  struct Written {
    let conversation: String
    let at: Timestamp
    let kind: TokenKind
  }

  static func tokens(_ kind: TokenKind) -> TokenSet? {
    switch kind.mode {
    case .none: nil
    case .plain: TokenSet(mode: .plain, sequence: [Array("word".utf8)])
    case .blinded:
      TokenSet(
        mode: .blinded, generation: UInt32(kind.generation),
        set: [[1, 2, 3, 4, 5, 6, 7, UInt8(kind.generation & 0xFF)]])
    }
  }

  static func message(_ id: String, _ written: Written) -> IngestItem {
    var payload = MessagePayload(messageID: id, body: .plain("word"))
    payload.tokens = tokens(written.kind)
    return IngestItem(
      line: 1, raw: [],
      event: .messageCreated(
        MessageCreated(
          conversationID: written.conversation, senderID: "kim", createdAt: written.at, payload: payload)))
  }

  static func edit(_ id: String, _ conversation: String, at: Timestamp, _ kind: TokenKind) -> IngestItem {
    IngestItem(
      line: 1, raw: [],
      event: .messageEdited(
        MessageEdited(
          messageID: id, conversationID: conversation, editorID: "kim", editedAt: at, body: .plain("word"),
          version: nil, tokens: tokens(kind))))
  }

  static func joined(_ subject: String, _ conversation: String, at: Timestamp, sees: Timestamp) -> IngestItem
  {
    IngestItem(
      line: 1, raw: [],
      event: .memberJoined(
        Membership(
          conversationID: conversation, subjectID: subject, at: at, role: nil, seesHistoryFrom: sees)))
  }

  static func left(_ subject: String, _ conversation: String, at: Timestamp) -> IngestItem {
    IngestItem(
      line: 1, raw: [],
      event: .memberLeft(
        Membership(conversationID: conversation, subjectID: subject, at: at, role: nil, seesHistoryFrom: nil))
    )
  }

  /// Membership from the start of time.
  func join(_ subject: String, _ conversations: some Sequence<String>) async throws {
    try await store(
      conversations.map { Self.joined(subject, $0, at: IndexHouse.day, sees: Timestamp(civil: 1990, 1, 1)) })
  }

  func store(_ items: [IngestItem]) async throws {
    for start in stride(from: 0, to: items.count, by: 500) {
      var batch = IngestBatch(source: "test")
      batch.items = Array(items[start..<min(start + 500, items.count)])
      let result = try await house.application.ingestor(house.directory).store(batch)
      try #require(result.setAsideCount == 0)
    }
  }

  func coverage(_ request: SearchRequest, as subject: String?) async throws -> SearchReply.Coverage {
    var reader = Reader.compliance
    if let subject { reader = .member(try #require(try await house.directory.subject(subject))) }
    return try await house.application.search(house.directory).search(request, reader: reader).coverage
  }

  /// A moment of a day, counted from the first one of the tests.
  static func day(_ number: Int, _ second: Int64 = 3_600) -> Timestamp {
    IndexHouse.day.adding(seconds: Int64(number) * 86_400 + second)
  }

  static let plain = SearchRequest(query: .plain(.term("word")))

  static func blinded(_ asked: [(String, UInt32)]) -> SearchRequest {
    SearchRequest(
      query: .blinded(
        asked.map {
          SearchRequest.BlindedSet(
            conversationID: $0.0, generation: $0.1,
            tree: .term(BlindToken(base64URL: "AQIDBAUGBwE")!.base64URL))
        }))
  }
}

extension SearchReply.Gap {
  var label: String { "\(conversationID) \(reason) \(generation.map { "\($0)" } ?? "-")" }
  func holds(_ time: Timestamp) -> Bool {
    guard let from = from.flatMap({ Timestamp(rfc3339: $0) }), let to = to.flatMap({ Timestamp(rfc3339: $0) })
    else { return false }
    return from <= time && time <= to
  }
}
