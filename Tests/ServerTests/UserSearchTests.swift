import Catalog
import Erasure
import Foundation
import History
import Ingestion
import KeyVault
import Model
import Postgres
import Runtime
import Search
import SearchTokens
import Server
import Sodium
import Testing

@Suite("Search for people")
struct UserSearchTests {
  /// A tenant of its own on the shared server.
  private struct Town: Sendable {
    let house: ServedHouse
    let name: String

    init(_ name: String, open: Bool = false, tokenizes: Bool = false) async throws {
      house = try await ServedHouse.shared
      self.name = name
      try await house.application.database.transaction { tx in
        let tenant = try Tenants.ensure(name, at: Application.clock(), in: tx).id
        try Tenants.set("directory.open", open, tenant: tenant, in: tx)
        try Tenants.set("directory.server_tokens", tokenizes, tenant: tenant, in: tx)
      }
    }

    @discardableResult
    func post(_ lines: [String]) async throws -> [String: Any] {
      let answer = try await house.ask(
        "POST", "/v1/events", token: try house.token([.ingest], as: "chat", tenant: name),
        body: Array(lines.joined(separator: "\n").utf8))
      #expect(answer.status == 200)
      return answer.json
    }

    func ask(_ query: String, as subject: String, _ roles: Set<Role> = [.member]) async throws
      -> ServedHouse.Answer
    {
      try await house.ask(
        "GET", "/v1/search/users?\(query)", token: try house.token(roles, as: subject, tenant: name))
    }

    func ids(_ query: String, as subject: String, _ roles: Set<Role> = [.member]) async throws -> [String] {
      let answer = try await ask(query, as: subject, roles)
      #expect(answer.status == 200, "\(answer.text)")
      let users = answer.json["users"] as? [[String: Any]] ?? []
      return users.compactMap { $0["subject_id"] as? String }
    }

    func reasons(_ query: String, as subject: String) async throws -> [String] {
      let coverage = try await ask(query, as: subject).json["coverage"] as? [String: Any]
      let gaps = coverage?["gaps"] as? [[String: String]] ?? []
      #expect(coverage?["complete"] as? Bool == gaps.isEmpty)
      return gaps.compactMap { $0["reason"] }
    }
  }

  private static func user(_ id: String, _ name: String, tokens: Bool = true) -> String {
    let words = Tokenizer().tokens(in: name).set.map { "\"\($0)\"" }.joined(separator: ",")
    let set = tokens ? #","tokens":{"mode":"plain","set":[\#(words)]}"# : ""
    return #"{"type":"user.upserted","subject_id":"\#(id)","display_name":"\#(name)"\#(set)}"#
  }

  private static func joined(_ conversation: String, _ id: String, day: Int = 1, sees: Int? = nil) -> String {
    let from = sees.map { #","sees_history_from":"2024-03-0\#($0)T00:00:00Z""# } ?? ""
    return
      #"{"type":"member.joined","conversation_id":"\#(conversation)","subject_id":"\#(id)","at":"2024-03-0\#(day)T00:00:00Z"\#(from)}"#
  }

  private static func left(_ conversation: String, _ id: String, day: Int) -> String {
    #"{"type":"member.left","conversation_id":"\#(conversation)","subject_id":"\#(id)","at":"2024-03-0\#(day)T00:00:00Z"}"#
  }

  @Test("Whole words come before beginnings, pages follow each other, and accents do not count")
  func rank() async throws {
    let town = try await Town("rank", open: true)
    let names = [
      "a": "Ann Lee", "b": "Anna Leeds", "c": "Zoë Ann", "d": "Hannah Lee", "e": "山田 太郎", "f": "Ann Leeds",
    ]
    try await town.post(names.map { Self.user($0.key, $0.value) })
    #expect(Set(try await town.ids("q=ann", as: "a").prefix(3)) == ["a", "c", "f"])
    #expect(Set(try await town.ids("q=ann", as: "a")) == ["a", "b", "c", "f"])
    #expect(try await town.ids("q=ann+lee", as: "a").first == "a")
    #expect(Set(try await town.ids("q=an+le", as: "a")) == ["a", "b", "f"])
    #expect(try await town.ids("q=zoe", as: "a") == ["c"])
    #expect(try await town.ids("q=%E5%B1%B1", as: "a") == ["e"])
    #expect(try await town.ids("q=nn", as: "a").isEmpty)
    let whole = try await town.ids("q=ann", as: "a")
    var (paged, cursor): ([String], String?) = ([], nil)
    repeat {
      let answer = try await town.ask("q=ann&limit=1" + (cursor.map { "&cursor=\($0)" } ?? ""), as: "a")
      paged += (answer.json["users"] as? [[String: Any]] ?? []).compactMap { $0["subject_id"] as? String }
      cursor = answer.json["next_cursor"] as? String
    } while cursor != nil && paged.count < 10
    #expect(paged == whole)
    for bad in ["q=", "q=%20%2C", "q=a+b+c+d+e+f+g+h+i", "token=x", "q=a&token=AAAAAAAAAAA", "q=a&cursor=x"] {
      #expect(try await town.ask(bad, as: "a").status == 400, "\(bad)")
    }
  }

  @Test("A member finds who was in a conversation at a time they can read, and nobody else")
  func sharing() async throws {
    let town = try await Town("sharing")
    try await town.post(
      ["me", "kim", "early", "late", "other", "gone"].map { Self.user($0, "Quill \($0)") } + [
        Self.joined("c", "me", day: 3), Self.joined("c", "kim"), Self.joined("d", "other"),
        Self.joined("c", "early"), Self.left("c", "early", day: 2), Self.joined("c", "gone", day: 3),
        #"{"type":"user.deactivated","subject_id":"gone"}"#,
        Self.left("c", "me", day: 5), Self.joined("c", "late", day: 6, sees: 1),
      ])
    #expect(Set(try await town.ids("q=quill", as: "me")) == ["me", "kim"])
    #expect(Set(try await town.ids("q=quill", as: "late")) == ["me", "kim", "early", "late"])
    #expect(try await town.ids("q=quill", as: "nobody").isEmpty)
    #expect(try await town.reasons("q=quill", as: "nobody").isEmpty)
    let all = try await town.ids("q=quill", as: "officer", [.compliance])
    #expect(Set(all) == ["me", "kim", "early", "late", "other", "gone"])
    let audit = try await town.house.ask(
      "GET", "/v1/audit/entries?limit=1000", token: try town.house.token([.auditor], tenant: town.name))
    #expect(audit.text.contains("users.searched"))
  }

  @Test("A tenant with an open directory shows everybody who is active, without addresses")
  func openDirectory() async throws {
    let town = try await Town("open", open: true, tokenizes: true)
    try await town.post([
      #"{"type":"user.upserted","subject_id":"a","display_name":"Ann","email":"ann@example.org"}"#,
      #"{"type":"user.upserted","subject_id":"b","display_name":"Anna"}"#,
      #"{"type":"user.deactivated","subject_id":"b"}"#,
    ])
    #expect(try await town.ids("q=an", as: "stranger") == ["a"])
    #expect(try await town.ids("q=ann%40example.org", as: "stranger") == ["a"])
    #expect(try await !town.ask("q=an", as: "stranger").text.contains("example.org"))
    let officer = try await town.ask("q=an", as: "officer", [.compliance])
    #expect(officer.text.contains("ann@example.org") && officer.text.contains("\"deactivated\":true"))
  }

  @Test("A name that is told anew replaces what found the person, and coverage says what cannot be found")
  func replacing() async throws {
    let town = try await Town("replacing", open: true)
    try await town.post([Self.user("a", "Ann Miller")])
    #expect(try await town.reasons("q=ann", as: "a").isEmpty)
    let again = try await town.post([Self.user("a", "Ann Miller")])
    #expect(again["duplicates"] as? Int == 1)
    try await town.post([Self.user("a", "Ann Smith")])
    #expect(try await town.ids("q=miller", as: "a").isEmpty)
    #expect(try await town.ids("q=smith", as: "a") == ["a"])
    try await town.post([Self.user("a", "Ann Cook", tokens: false)])
    #expect(try await town.ids("q=smith", as: "a").isEmpty)
    #expect(try await town.reasons("q=ann", as: "a") == ["no_tokens"])
    let covered = try await town.post([Self.user("a", "Ann Cook")])
    #expect(covered["accepted"] as? Int == 1)
    #expect(try await town.ids("q=cook", as: "a") == ["a"])
    #expect(try await town.reasons("q=ann", as: "a").isEmpty)
  }

  @Test("Blinded names are found by blinded tokens, and a plain query says that it needs the key")
  func blinded() async throws {
    let town = try await Town("blinded", open: true)
    let key = TokenMaster(master: SecretBytes(Array(0..<32))).conversationKey(
      tenant: town.name, conversation: "", generation: 1)
    let tokens = try JSONEncoder().encode(key.blind(Tokenizer().tokens(in: "Ann Miller"), prefixes: true))
    try await town.post([
      #"{"type":"user.upserted","subject_id":"a","tokens":\#(String(decoding: tokens, as: UTF8.self))}"#
    ])
    let (word, start) = (key.token("ann").base64URL, key.token("mil", .prefix).base64URL)
    #expect(try await town.ids("token=\(word)&prefix=\(start)", as: "a") == ["a"])
    #expect(try await town.ids("token=\(start)", as: "a").isEmpty)
    #expect(try await town.ids("q=ann", as: "a").isEmpty)
    #expect(try await town.reasons("q=ann", as: "a") == ["blinded_tokens_need_key"])
    #expect(try await town.reasons("token=\(word)", as: "a").isEmpty)
  }

  @Test("An erased person leaves no token of their name, and the database never held a word of it")
  func erasure() async throws {
    let town = try await Town("forgetting", open: true)
    try await town.post([Self.user("a", "Ann Miller"), Self.user("b", "Ann Cook")])
    let application = town.house.application
    let directory = application.directory(try await application.tenant(town.name))
    let subject = try #require(try await directory.subject("a"))
    #expect(try await Self.tokens(of: subject, town) > 10)
    let clear = try await application.database.transaction { tx in
      try tx.execute("SELECT count(*) FROM subject_token t WHERE t::text ILIKE '%miller%'").int64(0, 0)
    }
    #expect(clear == 0)
    let service = application.erasure(directory)
    let id = try await service.request(subject: "a", reason: "wish", actor: "officer").id
    _ = try await service.plan(id)
    try await service.approve(id, actor: "other")
    _ = try await service.run(id, actor: "officer")
    #expect(try await Self.tokens(of: subject, town) == 0)
    #expect(try await town.ids("q=ann", as: "b") == ["b"])
    #expect(try await service.verify(id).isEmpty)
    // The look that a certificate is made after finds a row that was left.
    let tenant = directory.tenant.id
    try await application.database.transaction { tx in
      _ = try SubjectTokens.replace(
        [subject: SubjectTokens.Names(modes: 1, tokens: [1])], tenant: tenant, in: tx)
    }
    #expect(try await service.verify(id) == ["database: 1 name_tokens"])
    try await town.post([Self.user("a", "Ann Miller")])
    #expect(try await town.ids("q=miller", as: "b").isEmpty)
  }

  private static func tokens(of subject: SubjectID, _ town: Town) async throws -> Int64 {
    try await town.house.application.database.transaction { tx in
      try tx.execute(
        "SELECT count(*) FROM subject_token WHERE subject_id = $1", [.int8(subject.rawValue)]
      ).int64(0, 0)
    }
  }

  @Test("Whoever asks for whatever is answered as by a reader who goes through all members' windows")
  func bruteForce() async throws {
    let town = try await Town("brute")
    let seed = ProcessInfo.processInfo.environment["MUNIMENT_SEED"].flatMap(UInt64.init) ?? 11
    var random = Numbers(state: seed)
    let words = ["ann", "anna", "lee", "leeds", "kim", "kimberly", "zoe", "olaf"]
    var (names, windows, lines): ([String: Set<String>], [Window], [String]) = ([:], [], [])
    for person in 0..<24 {
      let own = [words[random.below(8)], words[random.below(8)]]
      names["p\(person)"] = Set(own)
      lines.append(Self.user("p\(person)", own.joined(separator: " ")))
      for _ in 0..<random.below(4) {
        let (conversation, day) = ("c\(random.below(6))", 1 + random.below(7))
        guard !windows.contains(where: { $0.person == "p\(person)" && $0.conversation == conversation })
        else { continue }
        let sees = random.below(2) == 0 ? day : 1 + random.below(day)
        let end = random.below(2) == 0 ? nil : day + 1 + random.below(9 - day)
        lines.append(Self.joined(conversation, "p\(person)", day: day, sees: sees))
        if let end { lines.append(Self.left(conversation, "p\(person)", day: end)) }
        windows.append(
          Window(conversation: conversation, person: "p\(person)", joined: day, sees: sees, end: end ?? 99))
      }
    }
    try await town.post(lines)
    let application = town.house.application
    let directory = application.directory(try await application.tenant(town.name))
    let search = UserSearch(directory: directory, database: application.database)
    for _ in 0..<400 {
      let (me, word) = ("p\(random.below(24))", words[random.below(8)])
      let asked = String(word.prefix(1 + random.below(word.count)))
      var request = UserRequest(.plain(asked))
      request.limit = 100
      let subject = try #require(try await directory.subject(me))
      let found = try await search.search(request, reader: .member(subject)).users.map(\.subjectID)
      let mine = windows.filter { $0.person == me }
      let expected = names.filter { person, own in
        own.contains { $0.hasPrefix(asked) }
          && windows.contains { theirs in theirs.person == person && mine.contains { theirs.isSeen(by: $0) } }
      }
      #expect(Set(found) == Set(expected.keys), "seed \(seed): \(me) asks for \(asked)")
      #expect(found.count == expected.count, "seed \(seed): somebody comes twice")
    }
  }

  private struct Window {
    let conversation: String
    let person: String
    let joined: Int
    let sees: Int
    let end: Int

    /// Some day that the other can read they were in it.
    func isSeen(by other: Window) -> Bool {
      conversation == other.conversation && (1..<100).contains { joined <= $0 && $0 < end && other.reads($0) }
    }

    private func reads(_ day: Int) -> Bool { sees <= day && day < end }
  }

  /// SplitMix64.
  private struct Numbers {
    var state: UInt64

    mutating func below(_ limit: Int) -> Int {
      state &+= 0x9E37_79B9_7F4A_7C15
      var value = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
      value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
      return Int((value ^ (value >> 31)) % UInt64(limit))
    }
  }
}
