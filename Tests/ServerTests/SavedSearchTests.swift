import Catalog
import Erasure
import Foundation
import History
import KeyVault
import Model
import Postgres
import Runtime
import Search
import Server
import Testing

@Suite("Searches that are kept")
struct SavedSearchTests {
  private static let body = #"{"name":"my quokka","search":{"query":"quokka -wombat","limit":10}}"#

  private struct Town: Sendable {
    let house: ServedHouse
    let name: String

    init(_ name: String) async throws {
      house = try await ServedHouse.shared
      self.name = name
      try await house.application.database.transaction { tx in
        _ = try Tenants.ensure(name, at: Application.clock(), in: tx)
      }
      #expect(
        try await house.deliver("\(name)-room", texts: ["quokka one", "quokka wombat"], tenant: name).status
          == 200)
      #expect(try await house.application.followFeedPatiently())
    }

    func ask(
      _ method: String, _ rest: String = "", as subject: String = "robin", _ roles: Set<Role> = [.member],
      json: String? = nil
    ) async throws -> ServedHouse.Answer {
      try await house.ask(
        method, "/v1/search/saved\(rest)", token: try house.token(roles, as: subject, tenant: name),
        body: json.map { Array($0.utf8) })
    }

    /// The id of what was kept.
    func keep(as subject: String = "robin", _ json: String = SavedSearchTests.body) async throws -> String {
      let made = try await ask("POST", as: subject, json: json)
      #expect(made.status == 201, "\(made.text)")
      return try #require(made.json["id"] as? String)
    }

    func list(as subject: String = "robin", _ rest: String = "", _ roles: Set<Role> = [.member]) async throws
      -> [String]
    {
      let answer = try await ask("GET", rest, as: subject, roles)
      return (answer.json["saved"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
    }
  }

  @Test("A member keeps, lists, shows, runs and forgets; nobody else knows of it")
  func life() async throws {
    let town = try await Town("keeping")
    let id = try await town.keep()
    let shown = try await town.ask("GET", "/\(id)")
    #expect(shown.json["name"] as? String == "my quokka")
    #expect((shown.json["search"] as? [String: Any])?["query"] as? String == "quokka -wombat")
    #expect(try await town.list() == [id])
    #expect(try await town.list(as: "kim").isEmpty)
    let run = try await town.ask("POST", "/\(id)/run")
    let hits = run.json["hits"] as? [[String: Any]] ?? []
    #expect(hits.compactMap { $0["message_id"] as? String } == ["keeping-room-0"])
    for (method, rest) in [("GET", ""), ("DELETE", ""), ("POST", "/run")] {
      for (subject, role) in [("kim", Role.member), ("stranger", .member), ("counsel", .compliance)] {
        let refused = try await town.ask(method, "/\(id)\(rest)", as: subject, [role])
        #expect(refused.status == 404 && refused.code == "unknown_saved_search", "\(method) as \(subject)")
      }
    }
    #expect(try await town.ask("DELETE", "/\(id)").status == 204)
    #expect(try await town.ask("GET", "/\(id)").status == 404)
    #expect(try await town.list().isEmpty)
  }

  @Test("Running asks anew, as whoever has left sees no more than before")
  func authorizedAnew() async throws {
    let town = try await Town("anew")
    let id = try await town.keep(
      #"{"name":"q","search":{"query":"quokka","conversation_ids":["anew-room"]}}"#)
    let left =
      #"{"type":"member.left","conversation_id":"anew-room","subject_id":"robin","at":"2024-03-02T10:00:01Z"}"#
    let answer = try await town.house.ask(
      "POST", "/v1/events", token: try town.house.token([.ingest], as: "chat", tenant: town.name), json: left)
    #expect(answer.json["accepted"] as? Int == 1)
    let run = try await town.ask("POST", "/\(id)/run", json: #"{"limit":1}"#)
    #expect(
      (run.json["hits"] as? [[String: Any]])?.compactMap { $0["message_id"] as? String } == ["anew-room-0"])
    #expect(run.json["next_cursor"] is NSNull)
  }

  @Test(
    "What cannot be run, has no name, or is too long is not kept",
    arguments: [
      #"{"name":"","search":{"query":"a"}}"#, #"{"name":"a","search":{"query":"("}}"#,
      #"{"name":"a","search":{"sort":"luck"}}"#, #"{"name":"a","search":{"cursor":"x"}}"#, #"{"name":"a"}"#,
      #"{"name":"a","hold":"hold-0123456789abcdef","search":{"query":"a"}}"#,
      "{\"name\":\"a\",\"search\":{\"query\":\"a\",\"from\":[\"" + String(repeating: "x", count: 65_600)
        + "\"]}}",
      "{\"name\":\"" + String(repeating: "x", count: 201) + "\",\"search\":{\"query\":\"a\"}}",
    ])
  func refused(_ json: String) async throws {
    let house = try await ServedHouse.shared
    _ = try await house.deliver("refusing", texts: ["x"])
    let answer = try await house.ask(
      "POST", "/v1/search/saved", token: try house.token([.member]), json: json)
    #expect(answer.status == 400, "\(answer.text)")
  }

  @Test("An owner keeps so many, and one more is refused until one goes")
  func limit() async throws {
    let town = try await Town("limit")
    let application = town.house.application
    let directory = application.directory(try await application.tenant(town.name))
    let searches = SavedSearches(
      directory: directory, database: application.database, vault: application.vault, now: Application.clock)
    let robin = SavedSearches.Owner.member(try #require(try await directory.subject("robin")))
    for number in 1...SavedSearches.perOwnerMax {
      _ = try await searches.save("n\(number)", Array("{}".utf8), owner: robin)
    }
    let more = try await town.ask("POST", json: Self.body)
    #expect(more.status == 409 && more.code == "too_many_saved_searches")
    let kept = try await town.list()
    #expect(kept.count == SavedSearches.perOwnerMax)
    #expect(try await town.ask("DELETE", "/\(kept[0])").status == 204)
    #expect(try await town.ask("POST", json: Self.body).status == 201)
  }

  @Test(
    "Compliance keeps searches of a case, which colleagues see and members do not; each look is written down")
  func cases() async throws {
    let town = try await Town("cases")
    let hold = try await town.house.ask(
      "POST", "/v1/holds", token: try town.house.token([.compliance], as: "counsel", tenant: town.name),
      json: #"{"matter":"M","reason":"r","custodians":["kim"]}"#)
    let holdID = try #require(hold.json["id"] as? String)
    let body = #"{"name":"n","hold":"\#(holdID)","search":{"query":"quokka"}}"#
    let made = try await town.ask("POST", as: "counsel", [.compliance], json: body)
    let id = try #require(made.json["id"] as? String, "\(made.text)")
    #expect(made.json["hold"] as? String == holdID)
    #expect(try await town.list(as: "colleague", "?hold=\(holdID)", [.compliance]) == [id])
    #expect(try await town.ask("GET", "/\(id)").status == 404)
    let run = try await town.ask("POST", "/\(id)/run", as: "colleague", [.compliance])
    #expect((run.json["hits"] as? [Any])?.count == 2)
    for (rest, status) in [("", 400), ("?hold=x", 404), ("?hold=hold-0123456789abcdef", 404)] {
      #expect(try await town.ask("GET", rest, as: "counsel", [.compliance]).status == status, "\(rest)")
    }
    let entries = try await town.house.ask(
      "GET", "/v1/audit/entries?limit=1000", token: try town.house.token([.auditor], tenant: town.name))
    for action in ["search.saved", "saved_searches.listed", "saved_search.viewed", "search.performed"] {
      #expect(entries.text.contains(action), "\(action)")
    }
  }

  @Test("Neither name nor query is ever clear in the database, and both go with their owner")
  func forgetting() async throws {
    let town = try await Town("sealed")
    let id = try await town.keep(#"{"name":"zanzibarname","search":{"query":"zanzibarword"}}"#)
    let application = town.house.application
    let directory = application.directory(try await application.tenant(town.name))
    let robin = try #require(try await directory.subject("robin"))
    let number = try #require(Handle.number("saved", id))
    let sealed = try await application.database.transaction { tx in
      try #require(try SavedSearchRows.find(number, tenant: directory.tenant.id, in: tx)).sealed
    }
    #expect(Data(sealed).range(of: Data("zanzibar".utf8)) == nil)
    _ = try await town.keep()
    let service = application.erasure(directory)
    let erasure = try await service.request(subject: "robin", reason: "wish", actor: "officer").id
    _ = try await service.plan(erasure)
    try await service.approve(erasure, actor: "other")
    _ = try await service.run(erasure, actor: "officer")
    #expect(try await town.ask("GET", "/\(id)").status == 404)
    let left = try await application.database.transaction { tx in
      try tx.execute("SELECT count(*) FROM saved_search WHERE owner_id = $1", [.int8(robin.rawValue)])
        .int64(0, 0)
    }
    #expect(left == 0)
    #expect(try await service.verify(erasure).isEmpty)
  }
}
