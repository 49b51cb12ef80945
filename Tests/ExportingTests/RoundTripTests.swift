import Catalog
import History
import Ingestion
import Model
import Postgres
import Testing

@testable import Exporting

/// A `jsonl` package that is taken in elsewhere gives the same history.
@Suite struct RoundTripTests {
  private static let more = [
    #"{"type":"message.edited","message_id":"g3","conversation_id":"general","editor_id":"ann","edited_at":"2026-02-01T00:00:00Z","version":2,"body":{"plain":"once"},"tokens":{"mode":"plain","sequence":["once"]}}"#,
    #"{"type":"message.edited","message_id":"g3","conversation_id":"general","editor_id":"ann","edited_at":"2026-02-02T00:00:00Z","version":3,"body":{"plain":"twice"}}"#,
    #"{"type":"reaction.added","message_id":"g2","conversation_id":"general","subject_id":"ann","name":"eyes","at":"2026-02-01T00:00:01Z"}"#,
    #"{"type":"reaction.removed","message_id":"g2","conversation_id":"general","subject_id":"ann","name":"eyes","at":"2026-02-01T00:00:09Z"}"#,
    #"{"type":"message.deleted","message_id":"g5","conversation_id":"general","deleted_by":"ann","deleted_at":"2026-03-01T00:00:00Z"}"#,
    #"{"type":"receipt","conversation_id":"general","subject_id":"bob","state":"delivered","up_to":"g4","at":"2026-03-01T00:00:00Z"}"#,
    #"{"type":"receipt","conversation_id":"general","subject_id":"bob","state":"read","up_to":"g3","at":"2026-03-01T00:00:01Z"}"#,
    #"{"type":"receipt","conversation_id":"private","subject_id":"cyd","state":"read","up_to":"s1","at":"2026-03-01T00:00:02Z"}"#,
    #"{"type":"member.joined","conversation_id":"general","subject_id":"bob","at":"2026-04-02T00:00:00Z","role":"guest"}"#,
  ]

  /// Everything of a tenant, by the platform's ids.
  private struct Story: Equatable {
    var messages: [String] = []
    var members: [String] = []
    var receipts: [String] = []
  }

  /// Numbers of reactions are hashes under a key of the tenant, and left out.
  private func story(_ house: ExportHouse, _ tenant: String, held: Bool) async throws -> Story {
    let directory = try await house.directory(tenant)
    var story = Story()
    for name in ["general", "private"] {
      let card = try #require(try await directory.conversation(name))
      let messages = try await house.history.page(
        HistoryReader.Span(
          conversation: card.conversation, route: card.route, tenant: directory.tenant.id, ascending: true),
        limit: 100, states: held ? [.live, .restricted] : [.live])
      let (members, receipts) = try await house.database.transaction { tx in
        (
          try Exports.members(
            route: card.route, conversation: card.conversation, after: nil, limit: 100, in: tx),
          try Exports.receipts(
            route: card.route, conversation: card.conversation, after: nil, limit: 100, in: tx)
        )
      }
      let people = try await directory.profiles(
        Set(messages.map(\.sender) + messages.flatMap { $0.changes.map(\.author) } + members.map(\.subject)))
      func named(_ subject: SubjectID) -> String { people[subject]?.id ?? "?" }
      story.messages += messages.map { message in
        let changes = message.changes.map {
          "\($0.kind) \(named($0.author)) \($0.kind == .edit ? $0.version : 0) \($0.at) \($0.removedAt as Any) \($0.name ?? "") "
            + "\($0.payload.map { "\($0.body) \($0.tokens as Any)" } ?? "")"
        }.sorted()
        return "\(named(message.sender)) \(message.position.createdAt) \(message.original) \(changes)"
      }
      story.members += members.map {
        "\(name) \(named($0.subject)) \($0.joinedAt) \($0.visibleFrom) \($0.leftAt as Any) \($0.role ?? "")"
      }.sorted()
      let ids = Dictionary(uniqueKeysWithValues: messages.map { ($0.locator.key, $0.original.messageID) })
      story.receipts += receipts.map {
        "\(name) \(named($0.subject)) \($0.state) \(ids[$0.upTo] ?? "?") \($0.at)"
      }.sorted()
    }
    return story
  }

  @Test func historiesMembershipsAndReceiptsComeThroughAPackage() async throws {
    let house = try await ExportHouse()
    do {
      let stored = try await house.ingest(SampleHistory.lines + Self.more)
      #expect(stored.setAsideCount == 0, "\(stored.setAside)")
      let before = try await story(house, "default", held: false)
      #expect(before.messages.count == 6 && before.receipts.count == 3 && before.members.count == 4)
      _ = try await house.exporter().create(
        ExportSelection(), formats: [.jsonl], output: house.root + "/one", actor: "Grace")
      let lines = try house.lines(house.root + "/one")
      #expect(lines.count { $0.hasPrefix(#"{"type":"receipt""#) } == 3)
      let again = try await house.ingest(lines, tenant: "other")
      #expect(again.setAsideCount == 0, "\(again.setAside)")
      #expect(try await story(house, "other", held: false) == before)
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }
}
