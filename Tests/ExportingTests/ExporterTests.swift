import AuditLog
import Catalog
import Foundation
import History
import Ingestion
import KeyVault
import Model
import Postgres
import Testing

@testable import Exporting

@Suite struct ExporterTests {
  /// A house with the sample in it, closed afterwards.
  private func house(_ body: (ExportHouse, Exporter) async throws -> Void) async throws {
    let house = try await ExportHouse()
    do {
      let stored = try await house.ingest(SampleHistory.lines)
      #expect(stored.setAsideCount == 0, "\(stored.setAside)")
      try await body(house, try await house.exporter())
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  private func export(
    _ exporter: Exporter, _ selection: ExportSelection = ExportSelection(), to path: String,
    _ formats: Set<ExportFormat> = [.jsonl]
  ) async throws -> ExportRecord {
    try await exporter.create(selection, formats: formats, output: path, actor: "Grace")
  }

  @Test func aPackageOfTheWholeTenantVerifiesAndIsAccountedFor() async throws {
    try await house { house, exporter in
      let path = house.root + "/home/exports/one"
      let record = try await export(exporter, to: path, [.jsonl, .html])
      #expect(record.state == .completed && record.isComplete && record.insideHome && record.path == path)
      #expect(record.counts.messages == 7 && record.counts.conversations == 2 && record.counts.people == 3)
      #expect(record.counts.sealed == 1 && record.actor == "Grace")
      let found = try Exporter.verify(path: path, trusted: exporter.verifierKey)
      #expect(found.isValid, "\(found.problems)")
      #expect(
        found.messages == 7 && found.manifestHash == record.manifestHash
          && found.auditIndex == record.auditIndex)
      #expect(try await exporter.list().map(\.id) == [record.id])
      #expect(try await exporter.show(record.id).manifestHash == record.manifestHash)
      let entries = try await house.database.transaction { [audit = house.audit] tx in
        try audit.entries(from: 0, limit: 10, in: tx)
      }
      let entry = String(decoding: try #require(entries.last).bytes, as: UTF8.self)
      #expect(entry.contains("\"export.created\"") && entry.contains(record.id) && !entry.contains("Grace"))
      let pages = try FileManager.default.subpathsOfDirectory(atPath: path + "/html").filter {
        $0.hasSuffix(".html")
      }
      #expect(pages.count == 6, "index, two conversations, their months: \(pages)")
    }
  }

  @Test func severalFormatsWithoutLinesAreCountedOnce() async throws {
    try await house { house, exporter in
      let path = house.root + "/package"
      _ = try await export(exporter, to: path, [.html, .csv, .mbox])
      let found = try Exporter.verify(path: path)
      #expect(found.isValid && found.messages == 7, "\(found.problems)")
    }
  }

  @Test func whatIsReadInAgainGivesTheSameLines() async throws {
    try await house { house, exporter in
      _ = try await export(exporter, to: house.root + "/first")
      let lines = try house.lines(house.root + "/first")
      let stored = try await house.ingest(lines, tenant: "other")
      #expect(stored.setAsideCount == 0, "\(stored.setAside)")
      _ = try await export(try await house.exporter("other"), to: house.root + "/second")
      #expect(try house.lines(house.root + "/second").sorted() == lines.sorted())
    }
  }

  @Test func coldMessagesGoOutAsHotOnes() async throws {
    try await house { house, exporter in
      _ = try await export(exporter, to: house.root + "/hot")
      #expect(try await house.archive() == 7)
      let record = try await export(exporter, to: house.root + "/cold")
      #expect(record.isComplete)
      #expect(try house.lines(house.root + "/cold") == house.lines(house.root + "/hot"))
    }
  }

  @Test func conditionsAreJoined() async throws {
    try await house { house, exporter in
      let general = try #require(try await house.directory().conversation("general")).conversation
      let ann = try #require(try await house.directory().subject("ann"))
      let february = Timestamp(civil: 2026, 2, 1)
      let all = try await house.database.transaction { [general] tx in
        try Locators.scan(tenant: TenantID(rawValue: 1), states: [.live], after: nil, limit: 100, in: tx)
          .filter { $0.conversation == general }
      }
      let cases: [(ExportSelection, [String])] = [
        (ExportSelection(subject: ann), ["g1", "g3", "g5"]),
        (ExportSelection(conversations: [general]), ["g1", "g2", "g3", "g4", "g5", "g6"]),
        (ExportSelection(conversations: []), []),
        (ExportSelection(from: february), ["g4", "g5", "g6", "s1"]),
        (ExportSelection(subject: ann, from: february), ["g5"]),
        (ExportSelection(subject: ann, to: february), ["g1", "g3"]),
        (ExportSelection(messages: all), ["g1", "g2", "g3", "g4", "g5", "g6"]),
        (ExportSelection(subject: ann, messages: all, from: february), ["g5"]),
        (ExportSelection(messages: []), []),
      ]
      for (number, (selection, expected)) in cases.enumerated() {
        let path = house.root + "/case-\(number)"
        let record = try await export(exporter, selection, to: path)
        #expect(try house.messageIDs(path).sorted() == expected, "case \(number)")
        #expect(record.isComplete, "case \(number)")
        #expect(try await exporter.estimate(selection).messages == expected.count, "case \(number)")
        #expect(try Exporter.verify(path: path).isValid)
      }
    }
  }

  @Test func selectionsByUnknownIDsAreRefused() async throws {
    try await house { _, exporter in
      await #expect(throws: ExportError.self) { try await exporter.selection(subject: "nobody") }
      await #expect(throws: ExportError.self) {
        try await exporter.selection(conversations: ["general", "none"])
      }
      await #expect(throws: ExportError.self) { try await exporter.selection(hold: 1) }
      let selection = try await exporter.selection(subject: "ann", conversations: ["general"])
      #expect(selection.subject != nil && selection.conversations?.count == 1)
    }
  }

  @Test func aHoldsPackageHasWhatIsKeptForItOnly() async throws {
    try await house { house, exporter in
      let directory = try await house.directory()
      let bob = try #require(try await directory.subject("bob"))
      let general = try #require(try await directory.conversation("general")).conversation
      let hold = HoldRow(
        id: 77, tenant: directory.tenant.id, custodians: [bob], conversations: [general], from: nil,
        to: Timestamp(civil: 2026, 2, 5), silent: false, sealed: [], placedAt: ExportHouse.time)
      try await house.database.transaction { tx in try Holds.insert(hold, in: tx) }
      let deletion =
        #"{"type":"message.deleted","message_id":"g2","conversation_id":"general","deleted_by":"bob","deleted_at":"2026-03-01T00:00:00Z"}"#
      _ = try await house.ingest([deletion])
      let selection = ExportSelection(hold: 77)
      let estimate = try await exporter.estimate(selection)
      let record = try await export(exporter, selection, to: house.root + "/held", [.jsonl, .html])
      // Ann's messages of the days when Bob could read them are covered too.
      #expect(try house.messageIDs(house.root + "/held") == ["g2", "g3", "g4"])
      #expect(estimate.messages == 3 && estimate.restricted == 1 && record.counts.restricted == 1)
      #expect(try house.lines(house.root + "/held").contains { $0.hasPrefix(#"{"type":"message.deleted""#) })
      _ = try await export(exporter, to: house.root + "/open")
      #expect(try !house.messageIDs(house.root + "/open").contains("g2"))
      let warnings = try String(contentsOfFile: house.root + "/open/warnings.txt", encoding: .utf8)
      #expect(warnings.contains("1 messages are restricted"))
    }
  }

  @Test func thousandsOfMessagesOfOneMomentAreEachThereOnce() async throws {
    try await house { house, exporter in
      let count = Exporter.pageMessages * 2 + 7
      let ids = (0..<count).map { "same-\($0)" }
      _ = try await house.ingest(
        ids.map { SampleHistory.message($0, "burst", "ann", "2026-05-05T05:05:05Z") }, source: "burst")
      let burst = try await exporter.selection(conversations: ["burst"])
      let record = try await export(exporter, burst, to: house.root + "/burst")
      #expect(record.counts.messages == count)
      #expect(try house.messageIDs(house.root + "/burst").sorted() == ids.sorted())
    }
  }

  @Test func messagesOfDestroyedKeysAreMissingAndSaid() async throws {
    try await house { house, exporter in
      let directory = try await house.directory()
      let owner = KeyOwner.subject(directory.tenant.id, try #require(try await directory.subject("bob")))
      try await house.database.transaction { tx in
        try KeyVault.destroy([owner], reason: "test", at: ExportHouse.time, in: tx)
      }
      house.vault.forget([owner])
      let record = try await export(exporter, to: house.root + "/package")
      #expect(record.counts.unreadable == 3 && record.counts.messages == 4 && !record.isComplete)
      let warnings = try String(contentsOfFile: house.root + "/package/warnings.txt", encoding: .utf8)
      #expect(
        warnings.contains("3 selected messages are missing") && warnings.contains("1 members are missing"))
      let manifest = try String(contentsOfFile: house.root + "/package/manifest.json", encoding: .utf8)
      #expect(manifest.contains("\"complete\" : false"))
      #expect(try Exporter.verify(path: house.root + "/package").isValid)
    }
  }

  @Test("case 10: what cannot be read is listed, and does not drop the rest")
  func aDamagedArchiveLeavesAStatedGap() async throws {
    try await house { house, exporter in
      _ = try await house.archive()
      let segments = house.root + "/segments"
      for name in try FileManager.default.contentsOfDirectory(atPath: segments) {
        let url = URL(filePath: segments + "/" + name)
        var bytes = try Data(contentsOf: url)
        bytes[bytes.count / 3] ^= 1
        try FileManager.default.removeItem(at: url)
        try bytes.write(to: url)
      }
      let record = try await export(exporter, to: house.root + "/package")
      #expect(record.counts.gaps > 0 && record.counts.messages < 7 && !record.isComplete)
      let warnings = try String(contentsOfFile: house.root + "/package/warnings.txt", encoding: .utf8)
      #expect(warnings.contains("gap: conversation "))
      #expect(try Exporter.verify(path: house.root + "/package").isValid)
    }
  }

  /// Damages what the archive has of a conversation in one stretch of time.
  private func damage(_ house: ExportHouse, _ conversation: String, at time: Timestamp) async throws {
    let card = try #require(try await house.directory().conversation(conversation))
    let blocks = try await house.database.transaction { tx in
      try Archive.blocks(
        route: card.route, conversation: card.conversation, after: .start, before: .end, ascending: true,
        limit: 100, in: tx)
    }
    let block = try #require(
      blocks.first { $0.first.createdAt <= time && time <= $0.last.createdAt })
    let folder = house.root + "/segments"
    let name = try #require(
      try FileManager.default.contentsOfDirectory(atPath: folder).first { $0.contains(block.segment) })
    let url = URL(filePath: folder + "/" + name)
    var bytes = try Data(contentsOf: url)
    bytes[Int(block.offset) + Int(block.length) / 2] ^= 1
    try FileManager.default.removeItem(at: url)
    try bytes.write(to: url)
  }

  @Test(
    "case 10: one damaged block of three takes its own messages only, of whole conversations and of picked ones"
  )
  func oneDamagedBlock() async throws {
    try await house { house, exporter in
      func line(_ id: String, _ at: String) -> String { SampleHistory.message(id, "trio", "ann", at) }
      let cold = (1...3).flatMap { month in
        (1...2).map { line("m\(month)\($0)", "2026-0\(month)-0\($0)T10:00:00Z") }
      }
      _ = try await house.ingest(cold, source: "cold")
      _ = try await house.archive()
      _ = try await house.ingest(
        [line("hot1", "2026-04-01T10:00:00Z"), line("hot2", "2026-02-01T12:00:00Z")], source: "hot")
      try await damage(house, "trio", at: try #require(Timestamp(rfc3339: "2026-02-01T10:00:00Z")))
      let rest = ["hot1", "hot2", "m11", "m12", "m31", "m32"]
      let trio = try await exporter.selection(conversations: ["trio"])
      var picked = trio
      picked.messages = try await house.database.transaction { tx in
        try Locators.scan(tenant: TenantID(rawValue: 1), states: [.live], after: nil, limit: 100, in: tx)
      }
      var small = exporter
      small.settings.pageMessages = 2
      for (number, (exporter, selection)) in [(exporter, trio), (small, trio), (exporter, picked)]
        .enumerated()
      {
        let path = house.root + "/damaged-\(number)"
        let record = try await export(exporter, selection, to: path)
        #expect(try house.messageIDs(path).sorted() == rest, "case \(number)")
        #expect(record.counts.gaps == 1 && !record.isComplete, "case \(number)")
        let warnings = try String(contentsOfFile: path + "/warnings.txt", encoding: .utf8)
        #expect(
          warnings.contains("from 2026-02-01T10:00:00") && warnings.contains("to 2026-02-02T10:00:00"),
          "case \(number): \(warnings)")
        #expect(!warnings.contains("nothing after"), "case \(number)")
        let found = try Exporter.verify(path: path)
        #expect(found.isValid && found.isComplete == false && found.gaps == 1, "case \(number)")
      }
    }
  }

  @Test("what a format has no room for is said once a package, and who is not named once a conversation")
  func lacking() async throws {
    try await house { house, exporter in
      let crowd = (1...51).map {
        #"{"type":"member.joined","conversation_id":"general","subject_id":"p\#($0)","at":"2026-01-01T00:00:00Z"}"#
      }
      _ = try await house.ingest(crowd, source: "crowd")
      let path = house.root + "/package"
      let record = try await export(
        exporter, to: path, [.html, .csv, .slack, .actiance, .globalrelay, .eml, .mbox, .jsonl])
      #expect(record.isComplete)
      let lines = try String(contentsOfFile: path + "/warnings.txt", encoding: .utf8).split(separator: "\n")
      func count(_ start: String) -> Int { lines.count { $0.hasPrefix(start) } }
      #expect(count("format: html has no ciphertext") == 1 && count("format: csv has no keys") == 1)
      #expect(count("format: actiance has no keys") == 1 && count("format: actiance has no reactions") == 1)
      #expect(count("format: globalrelay has no reactions") == 1 && count("format: slack") == 0)
      #expect(count("members: conversation general: eml") == 1)
      #expect(count("members: conversation general: mbox") == 1 && count("members:") == 2)
    }
  }

  @Test("who was deactivated is so in the package, and is again when it is read in")
  func deactivated() async throws {
    try await house { house, exporter in
      _ = try await house.ingest([#"{"type":"user.deactivated","subject_id":"bob"}"#], source: "leavers")
      _ = try await export(exporter, to: house.root + "/first", [.jsonl, .slack])
      let lines = try house.lines(house.root + "/first")
      #expect(
        lines.filter { $0.contains("user.deactivated") } == [
          #"{"type":"user.deactivated","subject_id":"bob"}"#
        ])
      let users = try SampleZip.text(house.root + "/first/slack.zip")
      #expect(users.split(separator: #""deleted":true"#).count == 2)
      #expect(try await house.ingest(lines, tenant: "other").setAsideCount == 0)
      _ = try await export(try await house.exporter("other"), to: house.root + "/second")
      #expect(try house.lines(house.root + "/second").sorted() == lines.sorted())
      #expect(try Exporter.verify(path: house.root + "/first").isValid)
    }
  }

  @Test func nothingIsOverwritten() async throws {
    try await house { house, exporter in
      try Data([1]).write(to: URL(filePath: house.root + "/taken"))
      await #expect(throws: ExportError.self) { try await export(exporter, to: house.root + "/taken") }
      #expect(try Data(contentsOf: URL(filePath: house.root + "/taken")) == Data([1]))
      #expect(try await exporter.list().isEmpty)
    }
  }
}
