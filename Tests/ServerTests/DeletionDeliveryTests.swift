import Catalog
import Foundation
import History
import Model
import Postgres
import Runtime
import Server
import ServiceLifecycle
import Sodium
import Testing

@Suite("Deletions reach clients", .timeLimit(.minutes(5)))
struct DeletionDeliveryTests {
  private static let secret = "a secret between platform and archive, 32 bytes"

  private func delete(_ house: ServedHouse, _ conversation: String, _ count: Int) async throws {
    _ = try await house.deliver(conversation, texts: (0..<count).map { "word\($0)" })
    for index in 0..<count {
      let line =
        #"{"type":"message.deleted","message_id":"\#(conversation)-\#(index)","conversation_id":"\#(conversation)","#
        + #""deleted_by":"kim","deleted_at":"2024-03-03T10:00:00Z"}"#
      _ = try await house.ask("POST", "/v1/events", token: try house.token([.ingest], as: "chat"), json: line)
    }
  }

  @Test("A webhook gets every deletion in order, signed, and again until it has answered")
  func webhook() async throws {
    let receiver = try CallbackReceiver([500, 200])
    let house = try await ServedHouse.open(
      "deletions: {webhook_url: \"http://127.0.0.1:\(receiver.port)/hook\", webhook_secret: \"\(Self.secret)\"}\n"
    )
    try await delete(house, "pushed", 3)
    _ = await receiver.waits(for: 1)
    // The pause after a failure is passed over.
    let database = house.application.database
    var sequences: [Int] = []
    while sequences.last != 3 {
      try await database.transaction { tx in
        _ = try tx.execute("UPDATE deletion_outbox SET next_at = now() - interval '1 day' WHERE attempts > 0")
      }
      sequences = receiver.received.dropFirst().flatMap { $0.lines.compactMap { $0["sequence"] as? Int } }
      try await Task.sleep(for: .milliseconds(50))
    }
    let first = Array(sequences.prefix { $0 != 3 }) + [3]
    #expect(first == first.sorted() && Set(first) == [1, 2, 3], "\(sequences)")
    for request in receiver.received {
      let parts = request.headers["x-muniment-signature"]?.split(separator: ",") ?? []
      let time = try #require(parts.first?.dropFirst(2))
      let signature = try #require(parts.last?.dropFirst(3))
      let expected = HMACSHA256.authenticate(
        Array("\(time).".utf8) + request.body, key: SecretBytes(Array(Self.secret.utf8)))
      #expect(signature == expected.hex && request.path == "/hook")
      for line in request.lines {
        #expect(line["conversation_id"] as? String == "pushed" && line["tenant"] as? String == "acme")
        #expect((line["message_id"] as? String)?.hasPrefix("pushed-") == true)
        #expect(
          Set(line.keys) == [
            "type", "sequence", "tenant", "conversation_id", "message_id", "created_at", "removed_at",
          ])
      }
    }
    await house.group.triggerGracefulShutdown()
    try await house.running.value
  }

  @Test("A platform that asks gets what came after the number it has; nobody else does")
  func polled() async throws {
    let house = try await ServedHouse.open("deletions: {outbox: \"on\"}\n")
    try await delete(house, "pulled", 3)
    let token = try house.token([.ingest], as: "chat")
    let all = try await house.ask("GET", "/v1/deletions", token: token)
    #expect(
      (all.json["deletions"] as? [Any])?.count == 3 && all.json["next_after"] as? Int == 3, "\(all.text)")
    let rest = try await house.ask("GET", "/v1/deletions?after=2&limit=1", token: token)
    #expect(rest.text.contains("pulled-2") && !rest.text.contains("pulled-1"))
    #expect(rest.json["missed"] as? Bool == false)
    let foreign = try await house.ask(
      "GET", "/v1/deletions", token: try house.token([.ingest], tenant: "other"))
    #expect((foreign.json["deletions"] as? [Any])?.isEmpty == true)
    #expect(try await house.ask("GET", "/v1/deletions", token: try house.token([.member])).status == 403)
    let stored = try await house.application.database.transaction { tx in
      try DeletionOutbox.standings(in: tx).first?.delivered
    }
    #expect(stored == 2)
    await house.group.triggerGracefulShutdown()
    try await house.running.value
  }

  @Test("Without somebody to tell, nothing is written down, and whoever asks hears so")
  func off() async throws {
    let house = try await ServedHouse.shared
    try await delete(house, "untold", 1)
    let answer = try await house.ask("GET", "/v1/deletions", token: try house.token([.ingest], as: "chat"))
    #expect(answer.status == 409 && answer.code == "outbox_off")
  }

  @Test("What has waited too long is a problem")
  func behind() async throws {
    let application = try await ServedHouse.openHome("deletions: {outbox: \"on\"}\n")
    let directory = application.directory(try await application.tenant("acme"))
    let old = Application.clock().adding(seconds: -3 * 86_400)
    try await application.database.transaction { tx in
      _ = try DeletionOutbox.reserve(1, tenant: directory.tenant.id, day: 1, at: old, in: tx)
      try DeletionOutbox.insert(
        DeletionNoticeRow(first: 1, last: 1, at: old, day: 1, sealed: []), tenant: directory.tenant.id,
        senders: [], erased: false, in: tx)
    }
    #expect(try await application.problems().map(\.code).contains("outbox_behind"))
    await application.close()
  }
}
