import Model
import Testing

@testable import Ingestion

@Suite("Tokens of decoded lines")
struct DecodingTokensTests {
  private func decoded(_ lines: [String], _ client: CorpusClient.Tokens?) async -> [MessagePayload] {
    var batch = LineBatch(source: "test")
    for (index, line) in lines.enumerated() { batch.append(Int64(index + 1), line.bytes) }
    let decoder = BatchDecoder(
      format: .auto, client: client.map { CorpusClient(tokens: $0, tenant: "acme") },
      tenant: BatchDecoder.Tenant(name: "acme", revealsOrder: false))
    let done = await decoder.decode(batch)
    #expect(done.rejected.isEmpty)
    return done.items.compactMap {
      guard case .messageCreated(let created) = $0.event else { return nil }
      return created.payload
    }
  }

  private static func line(_ tokens: String) -> String {
    #"{"type":"message.created","v":1,"message_id":"m","conversation_id":"c","sender_id":"u","#
      + #""created_at":"2024-05-01T18:30:00Z","body":{"plain":"Lunch at noon?"}"# + tokens + "}"
  }

  private static let same =
    #","tokens":{"mode":"plain","set":["at","lunch","noon"],"sequence":["lunch","at","noon"]}"#
  private static let unsorted =
    #","tokens":{"mode":"plain","set":["lunch","at","noon"],"sequence":["lunch","at","noon"]}"#
  private static let more =
    #","tokens":{"mode":"plain","set":["at","lunch","noon"],"sequence":["lunch","at","noon"],"flags":["image"]}"#

  @Test("A server leaves out what follows from the text and nothing else, and adds none")
  func server() async {
    let payloads = await decoded([Self.same, Self.unsorted, Self.more, ""].map(Self.line), nil)
    #expect(payloads.map(\.tokensFollow) == [true, false, false, false])
    #expect(payloads.map(\.hasTokens) == [true, true, true, false])
    #expect(payloads[0].tokens?.set == ["at", "lunch", "noon"].map { Array($0.utf8) })
    #expect(payloads[1].tokens?.set == ["lunch", "at", "noon"].map { Array($0.utf8) })
    #expect(payloads[2].tokens?.flags == ["image"])
  }

  @Test("A client of plain tokens adds those that follow, and keeps what a line brings")
  func client() async {
    let payloads = await decoded(["", Self.unsorted].map(Self.line), .plain)
    #expect(payloads.map(\.tokensFollow) == [true, false])
    #expect(payloads[0].tokens == TokenSet(of: "Lunch at noon?"))
    #expect(await !decoded([Self.line("")], CorpusClient.Tokens.none)[0].hasTokens)
  }
}
