import Foundation
import History
import Model
import Runtime
import Search
import SearchTokens
import Server
import Testing

@Suite("Events in, history and search out")
struct MessagesTests {
  private func encoded(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  @Test("What was delivered is read and found as the flow itself answers")
  func roundTrip() async throws {
    let house = try await ServedHouse.shared
    let delivered = try await house.deliver(
      "round", texts: ["Budget is approved", "Lunch at noon", "Budget again"])
    #expect(delivered.status == 200, "\(delivered.text)")
    #expect(delivered.json["accepted"] as? Int == 6)
    let again = try await house.deliver(
      "round", texts: ["Budget is approved", "Lunch at noon", "Budget again"])
    #expect(again.json["duplicates"] as? Int == 6 || again.json["accepted"] as? Int ?? 6 <= 3)
    try await house.application.indexer.catchUpWhenFree()
    let directory = house.application.directory(try await house.application.tenant("acme"))
    let reader = try await directory.subject("robin")
    let subject = try #require(reader)

    let history = try await house.ask(
      "GET", "/v1/conversations/round/messages?limit=2", token: try house.token([.member]))
    let page = try await house.application.conversationHistory(directory)
      .page("round", reader: .member(subject), anchor: .newest, limit: 2)
    #expect(history.text == (try encoded(page)))
    let next = try #require(page.nextCursor)
    let older = try await house.ask(
      "GET", "/v1/conversations/round/messages?limit=2&cursor=\(next)", token: try house.token([.member]))
    #expect((older.json["messages"] as? [Any])?.count == 1)

    let found = try await house.ask(
      "POST", "/v1/search", token: try house.token([.member]),
      json: #"{"query":"budget","conversation_ids":["round"]}"#)
    var request = try SearchRequest(ParsedQuery("budget in:round"))
    request.limit = 50
    let reply = try await house.application.search(directory).search(request, reader: .member(subject))
    #expect(reply.hits.count == 2)
    #expect(try Self.untimed(found.text) == Self.untimed(try encoded(reply)))
    let got = try await house.ask(
      "GET", "/v1/search/messages?q=budget%20in:round", token: try house.token([.member]))
    #expect(try Self.untimed(got.text) == Self.untimed(found.text))
  }

  /// A reply but for how far the index lags, which other tests' messages change from one moment to the next, and for
  /// the bounds of its count, which are those that this lag makes them.
  private static func untimed(_ reply: String) throws -> Data {
    var object = try #require(try JSONSerialization.jsonObject(with: Data(reply.utf8)) as? [String: Any])
    var coverage = try #require(object["coverage"] as? [String: Any])
    let lag = try #require(coverage["index_lag_events"] as? Int)
    let (matches, hits) = (object["matches"] as? [String: Any], object["hits"] as? [Any])
    let estimate = try #require(matches?["estimate"] as? Int)
    #expect(matches?["lower"] as? Int == max(hits?.count ?? 0, estimate - min(lag, estimate)))
    #expect(matches?["upper"] as? Int == (lag == 0 ? estimate : nil))
    coverage["index_lag_events"] = nil
    coverage["complete"] = nil
    object["coverage"] = coverage
    object["matches"] = estimate
    return try JSONSerialization.data(withJSONObject: object, options: .sortedKeys)
  }

  @Test("A tree over tokens finds what the text finds")
  func tree() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.deliver("trees", texts: ["Oak and elm", "Only elm"])
    try await house.application.indexer.catchUpWhenFree()
    let found = try await house.ask(
      "POST", "/v1/search", token: try house.token([.member]),
      json: #"{"query":{"all":[{"term":"elm"},{"not":{"term":"oak"}}]},"conversation_ids":["trees"]}"#)
    #expect((found.json["hits"] as? [Any])?.count == 1)
  }

  @Test("Facets and scores come with the hits, for those who ask")
  func facets() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.deliver("facets", texts: ["Ash ash ash", "Ash and yew"])
    try await house.application.indexer.catchUpWhenFree()
    let path = "/v1/search/messages?q=ash%20in:facets&sort=relevance&facets=sender&facets=month&count=exact"
    let found = try await house.ask("GET", path, token: try house.token([.member]))
    let hits = found.json["hits"] as? [[String: Any]] ?? []
    #expect(hits.map { $0["message_id"] as? String } == ["facets-0", "facets-1"])
    #expect(hits.compactMap { $0["score"] as? Double }.count == 2)
    let facets = found.json["facets"] as? [String: [String: Any]] ?? [:]
    #expect(Set(facets.keys) == ["sender", "month"])
    let months = facets["month"]?["buckets"] as? [[String: Any]]
    #expect(months?.map { $0["value"] as? String } == ["2024-03"])
    #expect(months?.map { $0["count"] as? Int } == [2])
  }

  @Test("Strangers and other tenants are told the same as of what does not exist")
  func strangers() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.deliver("secret", texts: ["Nobody else"])
    try await house.application.indexer.catchUpWhenFree()
    let paths = ["/v1/conversations/secret/messages", "/v1/messages/secret-0"]
    let absent = ["/v1/conversations/absent/messages", "/v1/messages/absent-0"]
    for (path, other) in zip(paths, absent) {
      for token in [try house.token([.member], as: "eve"), try house.token([.member], tenant: "other")] {
        let refused = try await house.ask("GET", path, token: token)
        let missing = try await house.ask("GET", other, token: token)
        #expect(refused.status == 404)
        #expect(refused.code == missing.code)
        #expect(refused.json["detail"] as? String == missing.json["detail"] as? String)
      }
    }
    let found = try await house.ask(
      "POST", "/v1/search", token: try house.token([.member], as: "eve"), json: #"{"query":"nobody"}"#)
    #expect((found.json["hits"] as? [Any])?.isEmpty == true)
    let other = try await house.ask(
      "POST", "/v1/search", token: try house.token([.compliance], tenant: "other"),
      json: #"{"query":"nobody"}"#)
    #expect((other.json["hits"] as? [Any])?.isEmpty == true)
    let list = try await house.ask("GET", "/v1/conversations", token: try house.token([.member], as: "eve"))
    #expect((list.json["conversations"] as? [Any])?.isEmpty == true)
  }

  @Test("A member lists own conversations page by page")
  func conversations() async throws {
    let house = try await ServedHouse.shared
    for name in ["one", "two"] { _ = try await house.deliver("list-\(name)", texts: ["x"]) }
    let token = try house.token([.member])
    var seen: Set<String> = []
    var cursor: String?
    repeat {
      let page = try await house.ask(
        "GET", "/v1/conversations?limit=1\(cursor.map { "&cursor=\($0)" } ?? "")", token: token)
      #expect(page.status == 200)
      for row in page.json["conversations"] as? [[String: Any]] ?? [] {
        seen.insert(row["conversation_id"] as? String ?? "")
      }
      cursor = page.json["next_cursor"] as? String
    } while cursor != nil
    #expect(seen.isSuperset(of: ["list-one", "list-two"]))
  }

  @Test("What cannot be read is set aside with its line, and the rest goes through")
  func setAside() async throws {
    let house = try await ServedHouse.shared
    let good = #"{"type":"user.upserted","subject_id":"set-aside-user"}"#
    let long = String(repeating: "x", count: 1_048_577)
    let token = try house.token([.ingest], as: "chat")
    let answer = try await house.ask("POST", "/v1/events", token: token, json: "not json\n\n\(good)\r\n")
    #expect(answer.json["accepted"] as? Int == 1)
    let lines = answer.json["set_aside"] as? [[String: Any]] ?? []
    #expect(lines.map { $0["line"] as? Int } == [1])
    #expect(lines.first?["code"] as? String != nil)
    let tooLarge = try await house.ask("POST", "/v1/events", token: token, json: long)
    #expect(tooLarge.status == 413)
    #expect(tooLarge.code == "body_too_large")
  }

  @Test(
    "A refusal is a problem document with a stable code",
    arguments: [
      ("POST", "/v1/search", #"{"query":"(a"}"#, 400, "bad_query"),
      ("POST", "/v1/search", #"{"query":"a","cursor":"?"}"#, 400, "bad_cursor"),
      ("POST", "/v1/search", #"{"query":"a","limit":201}"#, 400, "bad_query"),
      ("POST", "/v1/search", #"{"query":"a","sort":"best"}"#, 400, "bad_query"),
      ("POST", "/v1/search", #"{"query":"a","facets":["mood"]}"#, 400, "bad_query"),
      ("POST", "/v1/search", #"{"query":"a","count":"some"}"#, 400, "bad_query"),
      ("POST", "/v1/search", #"{"thread_id":""}"#, 400, "bad_query"),
      ("GET", "/v1/search/messages?has=mood&sort=best", "", 400, "bad_query"),
      ("POST", "/v1/search", "no json", 400, "bad_query"),
      ("GET", "/v1/conversations/x/messages?limit=0", "", 400, "bad_request"),
      ("GET", "/v1/search/messages?q=a&limit=many", "", 400, "bad_request"),
    ])
  func problems(_ method: String, _ path: String, _ body: String, _ status: Int, _ code: String) async throws
  {
    let house = try await ServedHouse.shared
    let answer =
      method == "GET"
      ? try await house.ask(method, path, token: try house.token([.member]))
      : try await house.ask(method, path, token: try house.token([.member]), json: body)
    #expect(answer.status == status)
    #expect(answer.code == code)
    #expect(answer.json["status"] as? Int == status)
    #expect((answer.json["instance"] as? String)?.hasPrefix("urn:muniment:request:") == true)
  }

  @Test("A query that cannot be read is pointed at, and not repeated")
  func places() async throws {
    let house = try await ServedHouse.shared
    let token = try house.token([.member])
    let text = try await house.ask(
      "POST", "/v1/search", token: token, json: #"{"query":"wörd has:secret x"}"#)
    #expect(text.status == 400 && text.json["position"] as? Int == 9 && text.json["length"] as? Int == 6)
    let tree = try await house.ask(
      "POST", "/v1/search", token: token, json: #"{"query":{"all":[{"term":"a"},{"term":["secret"]}]}}"#)
    #expect(tree.status == 400 && tree.json["path"] as? String == "/query/all/1/term")
    let set = try await house.ask(
      "POST", "/v1/search", token: token,
      json: #"{"query":{"sets":[{"conversation_id":"c","query":{"term":"secret"}}]}}"#)
    #expect(set.json["path"] as? String == "/query/sets/0")
    #expect((set.json["detail"] as? String)?.contains("generation is missing") == true)
    let limit = try await house.ask("POST", "/v1/search", token: token, json: #"{"limit":"secret"}"#)
    #expect(limit.json["path"] as? String == "/limit")
    for answer in [text, tree, set, limit] { #expect(!answer.text.contains("secret")) }
  }

  @Test("A body in an encoding nobody reads is refused, and a broken one is named")
  func encodings() async throws {
    let house = try await ServedHouse.shared
    let token = try house.token([.ingest], as: "chat")
    let unknown = try await house.ask(
      "POST", "/v1/events", token: token, json: "x", headers: ["Content-Encoding": "br"])
    #expect(unknown.status == 415)
    for encoding in ["gzip", "zstd"] {
      let broken = try await house.ask(
        "POST", "/v1/events", token: token, json: "not packed", headers: ["Content-Encoding": encoding])
      #expect(broken.code == "bad_encoding")
    }
  }
}

extension Indexer {
  /// The server's own follower may be at the same group: what it applied counts as well.
  func catchUpWhenFree() async throws {
    while try await lag().values.reduce(0, +) > 0 { try await catchUp() }
  }
}
