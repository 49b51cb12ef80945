import Model
import SearchTokens
import Testing

@testable import Catalog
@testable import History
@testable import Retention

@Suite("Queries of holds")
struct HoldQueryTests {
  private func words(_ text: String) -> [[UInt8]] { text.split(separator: " ").map { Array($0.utf8) } }

  private func sealed(_ tokens: TokenSet?) -> MessagePayload {
    MessagePayload(messageID: "m", body: .sealed(SealedBody(ciphertext: [1])), tokens: tokens)
  }

  private func check(
    _ query: String, _ payload: MessagePayload, _ expected: Truth, edits: Int = 0,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let locator = Locator(
      key: MessageKey(high: 1, low: 2), tenant: TenantID(rawValue: 1), route: RouteKey(rawValue: 1),
      conversation: ConversationID(rawValue: 3), sender: SubjectID(rawValue: 4),
      position: MessagePosition(createdAt: Timestamp(civil: 2024, 5, 31), sequence: 1), state: .live)
    let message = HistoricMessage(locator: locator, tier: .hot, original: payload, changes: [])
    let truth = try HoldQuery(query).truth(
      of: message, edits: edits, HoldQuery.Names(sender: "ann", conversation: "general"))
    #expect(truth == expected, "\(query)", sourceLocation: sourceLocation)
  }

  @Test("a body that can be read decides, whatever its client says of it")
  func plainBodies() throws {
    let payload = MessagePayload(messageID: "m", body: .plain("The Straße merger closes on Friday"))
    for (query, expected) in [
      ("merger", Truth.yes), ("MERGER strasse", .yes), ("lunch", .no), ("\"merger closes\"", .yes),
      ("\"closes merger\"", .no), ("merg*", .yes), ("lun*", .no), ("lunch OR friday", .yes), ("-lunch", .yes),
      ("merger -friday", .no), ("from:ann", .yes), ("from:bob", .no), ("in:general merger", .yes),
      ("in:other", .no), ("on:2024-05-31", .yes), ("before:2024-05-31", .no), ("after:2024-05", .no),
      ("before:2024-06 after:2024-04", .yes), ("has:link", .no), ("has:file", .no), ("is:edited", .no),
      ("is:thread", .no),
    ] {
      try check(query, payload, expected)
    }
    var lying = payload
    lying.tokens = TokenSet(mode: .plain, set: words("lunch"), sequence: words("lunch"))
    try check("merger", lying, .yes)
    try check("lunch", lying, .yes)
    try check("dinner", lying, .no)
  }

  @Test("a sealed body is what its tokens say, as far as they go")
  func sealedBodies() throws {
    let ordered = sealed(
      TokenSet(mode: .plain, set: words("closes merger the"), sequence: words("the merger closes")))
    try check("merger", ordered, .yes)
    try check("lunch", ordered, .no)
    try check("\"the merger\"", ordered, .yes)
    try check("\"merger the\"", ordered, .no)
    let unordered = sealed(TokenSet(mode: .plain, set: words("closes merger")))
    try check("\"merger closes\"", unordered, .unknown)
    try check("\"merger lunch\"", unordered, .no)
    try check("-\"merger closes\"", unordered, .unknown)
    let cut = sealed(TokenSet(mode: .plain, set: words("merger"), flags: ["truncated"]))
    try check("merger", cut, .yes)
    try check("lunch", cut, .unknown)
    try check("-lunch", cut, .unknown)
    for closed in [sealed(nil), sealed(TokenSet(mode: .blinded, set: [[1, 2, 3, 4, 5, 6, 7, 8]]))] {
      try check("merger", closed, .unknown)
      try check("-merger", closed, .unknown)
      try check("merger from:bob", closed, .no)
    }
    try check("has:link", sealed(nil), .unknown)
    try check("has:link", sealed(TokenSet(mode: .blinded, flags: ["link"])), .yes)
  }

  @Test("an edit that cannot be read leaves it open, unless something that can be read matches")
  func lostEdits() throws {
    let payload = MessagePayload(messageID: "m", body: .plain("merger"))
    try check("merger", payload, .yes, edits: 1)
    try check("lunch", payload, .unknown, edits: 1)
    try check("lunch from:bob", payload, .no, edits: 1)
    try check("is:edited", payload, .yes, edits: 1)
  }

  @Test("attachments and threads are looked at")
  func attachments() throws {
    var picture = Attachment(id: "a")
    picture.mimeType = "image/png"
    let payload = MessagePayload(
      messageID: "m", body: .plain("see https://example.org/x"), replyTo: "r", attachments: [picture])
    for query in ["has:file", "has:image", "has:link", "is:thread"] { try check(query, payload, .yes) }
  }

  @Test("what a hold could not be kept to is refused, without a word of it")
  func refused() throws {
    for query in ["", "   ", "\"merger", "with:bob", "merger has:reaction", "-", "(merger"] {
      let error = #expect(throws: RetentionError.self) { try HoldQuery(query) }
      #expect(error?.code == .invalidHold)
      #expect(error?.description.contains("merger") == false && error?.description.contains("bob") == false)
    }
  }

  @Test("a hold's texts are read in both versions")
  func texts() throws {
    var text = HoldText(matter: "M", reason: "R", placedBy: "P")
    #expect(text.bytes.first == 1)
    #expect(try HoldText(bytes: text.bytes) == text)
    text.query = "merger"
    (text.releaseReason, text.releasedBy) = ("done", "Q")
    #expect(text.bytes.first == 2)
    #expect(try HoldText(bytes: text.bytes) == text)
    #expect(throws: MalformedBytes.self) { try HoldText(bytes: Array(text.bytes.dropLast())) }
    #expect(throws: MalformedBytes.self) { try HoldText(bytes: [3] + text.bytes.dropFirst()) }
  }
}
