import AuditLog
import Catalog
import Erasure
import Exporting
import Foundation
import History
import Ingestion
import KeyVault
import Model
import Postgres
import Runtime
import Search
import SearchTokens
import Sodium
import TestSupport
import Testing
import Tiering

/// Texts, ids, names and tokens of fifty people are planted everywhere; half of them are erased, and a scanner of its
/// own looks everywhere for what they left.
@Suite struct ForensicsTests {
  private static let people = 50

  /// Everything by which one person would be known.
  private struct Canary: Sendable {
    let number: Int
    private var tag: String { number < 10 ? "0\(number)" : "\(number)" }
    var id: String { "canary-subject-\(tag)-k7q2" }
    var name: String { "Canaryman\(tag) Zyxomatic\(tag)" }
    var email: String { "mailbox\(tag)@canary.example" }
    var hotWord: String { "zqhotword\(tag)x" }
    var coldWord: String { "zqcoldword\(tag)x" }
    var messageIDs: [String] { ["cold", "hot", "blind"].map { "canary-message-\($0)-\(tag)" } }
    var file: String { "canary-file-\(tag).pdf" }
    var edited: String { "zqeditword\(tag)x corrected" }
    var reaction: String { "canary-reaction-\(tag)" }
    var contradiction: String { "zqasideword\(tag)x never accepted" }
    var savedName: String { "canary-saved-\(tag)-name" }
    var sealedBody: [UInt8] { Array("sealed-canary-\(tag)-bytes".utf8) }
    /// As a client would send it; its raw bytes are a term of the index.
    var token: [UInt8] { Array(SHA256.hash(Array("token-\(tag)".utf8))[..<8]) }

    var texts: [String] {
      messageIDs + [
        id, name, email, hotWord, coldWord, file, edited, reaction, contradiction, savedName,
        "canaryman\(tag)", "zyxomatic\(tag)",
      ]
    }
    var bytes: [[UInt8]] { [token, sealedBody] }

    func message(
      _ which: Int, in conversation: String, day: Int, body: String, tokens: String, more: String = ""
    )
      -> String
    {
      #"{"type":"message.created","message_id":"\#(messageIDs[which])","conversation_id":"\#(conversation)","#
        + #""sender_id":"\#(id)","created_at":"\#(Events.time(day))","body":\#(body),"tokens":\#(tokens)\#(more)}"#
    }

    var profile: String {
      #"{"type":"user.upserted","subject_id":"\#(id)","display_name":"\#(name)","email":"\#(email)","#
        + #""tokens":{"mode":"plain","set":["canaryman\#(tag)","zyxomatic\#(tag)"]}}"#
    }

    var cold: [String] {
      [
        profile, Events.join(id, "room"), Events.join(id, "vault"),
        message(
          0, in: "room", day: 1, body: #"{"plain":"\#(coldWord) in the old room"}"#,
          tokens: #"{"mode":"plain","sequence":["\#(coldWord)","in","the","old","room"]}"#),
        #"{"type":"reaction.added","message_id":"neutral","conversation_id":"room","subject_id":"\#(id)","#
          + #""name":"\#(reaction)","at":"\#(Events.time(3))"}"#,
      ]
    }

    var hot: [String] {
      let attachment =
        #","attachments":[{"id":"f\#(number)","name":"\#(file)","mime_type":"application/pdf","size":9}]"#
      return [
        message(
          1, in: "room", day: 40, body: #"{"plain":"\#(hotWord) in the new room"}"#,
          tokens: #"{"mode":"plain","sequence":["\#(hotWord)","in","the","new","room"]}"#, more: attachment),
        message(
          2, in: "vault", day: 41, body: #"{"sealed":"\#(sealedBody.base64())","key_id":"k"}"#,
          tokens: #"{"mode":"blinded","generation":1,"set":["\#(token.base64(.urlSafe))"]}"#),
        Events.edit(messageIDs[1], id, edited, in: "room", day: 42),
      ]
    }

    /// The same id with another content: set aside.
    var conflict: String {
      message(
        1, in: "room", day: 40, body: #"{"plain":"\#(contradiction)"}"#,
        tokens: #"{"mode":"plain","set":["aside"]}"#)
    }
  }

  private let canaries = (0..<Self.people).map { Canary(number: $0) }
  private var erased: [Canary] { canaries.filter { $0.number % 2 == 0 } }
  private var others: [Canary] { canaries.filter { $0.number % 2 == 1 } }

  @Test("Nothing of 25 erased people is found anywhere, and everything of 25 others is still served")
  func forensics() async throws {
    try await ErasureHouse.withOwnDatabase { house in
      try await plant(house)
      let scanner = ForensicScanner(
        house.application, tenant: house.tenant.id, texts: erased.flatMap(\.texts),
        bytes: erased.flatMap(\.bytes))
      // That the scanner sees: each kind of place holds something now, and the database nothing in the clear.
      let before = try await scanner.everything()
      for place in [
        "file index/", "file exports/", "inside exports/", "opened message", "opened amendment",
        "opened segment",
        "opened profile", "opened saved-search", "opened set-aside", "opened audit part",
      ] {
        #expect(before.contains { $0.hasPrefix(place) }, "\(place) holds nothing to be found")
      }
      #expect(before.filter { $0.hasPrefix("file postgres") || $0.hasPrefix("table") } == [])
      #expect(before.filter { $0.hasPrefix("file segments") || $0.hasPrefix("file keys") } == [])

      for canary in erased {
        let id = try await house.approved(canary.id)
        _ = try await house.erasure.run(id, actor: "alice")
      }
      try await house.application.indexer.catchUp()
      _ = try await house.application.archiver(house.tenant).compact(dryRun: false)
      let after = try await scanner.everything()
      #expect(after == [], "\(after.count) places")
      try await served(house)
      #expect(try await house.application.audit.verify(on: house.database).isIntact)
    }
  }

  private func plant(_ house: ErasureHouse) async throws {
    try await house.deliver(
      [Events.message("neutral", "nobody-in-particular", "neutral words of somebody else", in: "room")]
        + canaries.flatMap(\.cold))
    try await house.archive(before: ErasureHouse.start.adding(seconds: 31 * ErasureHouse.day))
    try await house.deliver(canaries.flatMap(\.hot))
    try await house.refuse(canaries.map(\.conflict))
    let directory = house.application.directory(house.tenant)
    let searches = SavedSearches(
      directory: directory, database: house.database, vault: house.application.vault, now: { house.now })
    for canary in canaries {
      let subject = try #require(try await directory.subject(canary.id))
      _ = try await searches.save(
        canary.savedName, Array(#"{"query":"words"}"#.utf8), owner: .member(subject))
    }
    // As the service writes a look at a message.
    let (audit, entries) = (
      house.application.audit,
      canaries.map { canary in
        AuditEntry(
          tenant: house.tenant.id, actor: "officer", action: "message.read", object: "message",
          personal: ["message": canary.messageIDs[0]],
          mentions: [.init(directory.hasher.hash("subject", canary.id), part: "message")])
      }
    )
    try await house.database.transaction { tx in _ = try audit.append(entries, at: house.now, in: tx) }
    for (path, packaging) in [("exports/all", ExportPackaging.directory), ("exports/all.zip", .zip)] {
      _ = try await house.exporter.create(
        ExportSelection(), formats: [.jsonl], output: "\(house.home)/\(path)", as: packaging, actor: "officer"
      )
    }
  }

  /// Each of the others' messages is in the history and found by its word, hot and cold, plain and blinded.
  private func served(_ house: ErasureHouse) async throws {
    let directory = house.application.directory(house.tenant)
    let history = house.application.conversationHistory(directory)
    let page = try await history.page("room", reader: .compliance, anchor: .newest, limit: 500)
    let read = String(decoding: try JSONEncoder().encode(page), as: UTF8.self)
    let search = house.application.search(directory)
    for canary in others {
      for text in [canary.messageIDs[0], canary.messageIDs[1], canary.coldWord, canary.edited, canary.id] {
        #expect(read.contains(text), "\(text) is not in the history")
      }
      let found = try await search.search(
        SearchRequest(query: .plain(.term(canary.coldWord))), reader: .compliance)
      #expect(found.hits.map(\.messageID) == [canary.messageIDs[0]])
      let subject = try #require(try await directory.subject(canary.id))
      let blinded = SearchRequest(
        query: .blinded([
          .init(conversationID: "vault", generation: 1, tree: .term(canary.token.base64(.urlSafe)))
        ]))
      #expect(
        try await search.search(blinded, reader: .member(subject)).hits.map(\.messageID) == [
          canary.messageIDs[2]
        ])
    }
    for canary in erased { #expect(!read.contains(canary.id)) }
  }
}
