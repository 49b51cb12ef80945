import Foundation
import Runtime
import Server
import ServiceLifecycle
import Testing

@Suite("Exports end over HTTP, and links lead to packages")
struct ExportEndingTests {
  private static func made(_ room: String) async throws -> (ServedHouse, token: String, id: String) {
    let house = try await ServedHouse.shared
    _ = try await house.deliver(room, texts: ["For the court"])
    let token = try house.token([.compliance], as: "counsel")
    let made = try await house.ask(
      "POST", "/v1/exports", token: token, json: "{\"formats\":[\"jsonl\"],\"conversations\":[\"\(room)\"]}")
    #expect(made.status == 201 && made.json["expires_at"] != nil, "\(made.text)")
    return (house, token, try #require(made.json["id"] as? String))
  }

  @Test("DELETE removes the package, keeps the record, and repeats without harm")
  func delete() async throws {
    let (house, token, id) = try await Self.made("ended")
    let manifest =
      try await house.ask("GET", "/v1/exports/\(id)", token: token).json["manifest_sha256"] as? String
    for _ in 1...2 {
      let gone = try await house.ask("DELETE", "/v1/exports/\(id)", token: token)
      #expect(gone.status == 200 && gone.json["removed"] as? String == "deleted", "\(gone.text)")
      #expect(gone.json["manifest_sha256"] as? String == manifest && gone.json["expires_at"] == nil)
    }
    let content = try await house.ask("GET", "/v1/exports/\(id)/content", token: token)
    #expect(content.status == 410 && content.code == "package_deleted")
    let auditor = try house.token([.auditor], as: "auditor")
    #expect(try await house.ask("DELETE", "/v1/exports/\(id)", token: auditor).status == 403)
    let unknown = try await house.ask("DELETE", "/v1/exports/export-0000000000000001", token: token)
    #expect(unknown.code == "unknown_export")
  }

  @Test(
    "a link fetches one package without a token, so many times, goes on where it broke off, and is revoked")
  func links() async throws {
    let (house, token, id) = try await Self.made("linked")
    let link = try await house.ask(
      "POST", "/v1/exports/\(id)/links", token: token, json: #"{"seconds":600,"uses":2}"#)
    #expect(link.status == 201, "\(link.text)")
    let url = try #require(link.json["url"] as? String)
    let first = try await house.ask("GET", url, headers: ["Range": "bytes=0-9"])
    #expect(first.status == 206 && first.body.count == 10)
    let tag = try #require(first.header("ETag"))
    let rest = try await house.ask("GET", url, headers: ["Range": "bytes=10-", "If-Range": tag])
    #expect(rest.status == 206)
    let whole = try await house.ask("GET", url)
    #expect(whole.status == 200 && whole.body == first.body + rest.body)
    #expect(try await house.ask("GET", url).code == "unknown_link", "used up")
    let listed = try await house.ask("GET", "/v1/exports/\(id)/links", token: token)
    #expect(
      !listed.text.contains(url.split(separator: "/").last ?? "-") && listed.text.contains(#""uses":2"#))
    let other = try await house.ask("POST", "/v1/exports/\(id)/links", token: token, json: "{}")
    let number = try #require(other.json["id"] as? String)
    #expect(try await house.ask("DELETE", "/v1/exports/\(id)/links/\(number)", token: token).status == 204)
    let revoked = try #require(other.json["url"] as? String)
    #expect(try await house.ask("GET", revoked).status == 404)
    #expect(try await house.ask("GET", "/v1/downloads/AAAA").code == "unknown_link")
    let entries = try await house.ask(
      "GET", "/v1/audit/entries?limit=1000", token: try house.token([.auditor], as: "auditor"))
    #expect(entries.text.contains("export.link_made") && entries.text.contains("export.link_revoked"))
    #expect(!entries.text.contains(url.split(separator: "/").last ?? "-"))
    let bad = try await house.ask("POST", "/v1/exports/\(id)/links", token: token, json: #"{"uses":0}"#)
    #expect(bad.status == 422)
  }

  @Test("what does not say whether everything is meant exports nothing")
  func everything() async throws {
    let house = try await ServedHouse.shared
    let token = try house.token([.compliance], as: "counsel", tenant: "other")
    for wrong in [
      "{}", #"{"formats":["jsonl"]}"#, #"{"conversation":"c1"}"#, #"{"conversation_ids":["c1"]}"#,
      #"{"everything":false}"#, #"{"everything":true,"conversations":["c1"]}"#,
      #"{"everything":true,"split":{"a":1},"Conversations":[]}"#,
    ] {
      let refused = try await house.ask("POST", "/v1/exports", token: token, json: wrong)
      #expect(refused.status == 400, "\(wrong): \(refused.text)")
    }
    let named = try await house.ask("POST", "/v1/exports", token: token, json: #"{"conversation":"c1"}"#)
    #expect(named.text.contains("unknown members: conversation;"), "\(named.text)")
    let times = try await house.ask(
      "POST", "/v1/exports", token: token,
      json: #"{"from":"2024-02-01T00:00:00Z","to":"2024-01-01T00:00:00Z"}"#)
    #expect(times.status == 422 && times.code == "bad_selection")
    let all = try await house.ask("POST", "/v1/exports", token: token, json: #"{"everything":true}"#)
    #expect(all.status == 201, "\(all.text)")
  }

  @Test("a link gives no more bytes than its uses amount to, however they are asked for")
  func linkBytes() async throws {
    let (house, token, id) = try await Self.made("bounded")
    let link = try await house.ask("POST", "/v1/exports/\(id)/links", token: token, json: #"{"uses":1}"#)
    let url = try #require(link.json["url"] as? String)
    let beyond = try await house.ask("GET", url, headers: ["Range": "bytes=99999999-"])
    #expect(beyond.status == 416, "what asks for nothing that is there is no use")
    #expect(
      try await house.ask("GET", url, headers: ["Range": "bytes=1-"]).status == 404, "nothing was begun")
    #expect(try await house.ask("GET", url).status == 200)
    #expect(
      try await house.ask("GET", url, headers: ["Range": "bytes=1-"]).status == 206, "one may break off")
    #expect(try await house.ask("GET", url, headers: ["Range": "bytes=1-"]).status == 404)
  }

  @Test("what an Idempotency-Key began is shown to who asks again while it runs, and is made once")
  func shownWhileMade() async throws {
    let house = try await ServedHouse.open("exports: {rate: 1}\n")
    _ = try await house.deliver("keyed", texts: ["one", "two", "three", "four"])
    let token = try house.token([.compliance], as: "counsel")
    let ask: @Sendable () async throws -> ServedHouse.Answer = {
      try await house.ask(
        "POST", "/v1/exports", token: token, json: #"{"formats":["jsonl"],"conversations":["keyed"]}"#,
        headers: ["Idempotency-Key": "a key"])
    }
    func exports() async throws -> Int {
      try await (house.ask("GET", "/v1/exports", token: token).json["exports"] as? [Any])?.count ?? 0
    }
    async let made = ask()
    while try await exports() == 0 { await Task.yield() }
    var shown = try await ask()
    while shown.status == 409 { shown = try await ask() }
    #expect(shown.status == 201 && shown.json["state"] as? String == "running", "\(shown.text)")
    let whole = try await made
    #expect(whole.status == 201 && whole.json["id"] as? String == shown.json["id"] as? String)
    #expect(try await exports() == 1)
    await house.group.triggerGracefulShutdown()
    try await house.running.value
    await house.application.close()
  }
}
