import Catalog
import Foundation
import History
import Ingestion
import Model
import Postgres
import Sodium
import Synchronization
import Testing

@testable import Exporting

/// A run that dies and is gone on with: nothing twice, nothing missing, nothing that was deleted meanwhile.
@Suite struct ResumeTests {
  /// Conversations of different lengths, threads and days; one message is sealed.
  private static let lines: [String] =
    SampleHistory.lines
    + (1...3).flatMap { place in
      [
        #"{"type":"conversation.upserted","conversation_id":"p\#(place)","kind":"channel","name":"P \#(place)"}"#
      ]
        + (1...(40 * place)).map { number in
          let day = 1 + number / 9
          return """
            {"type":"message.created","message_id":"p\(place)-\(number)","conversation_id":"p\(place)",\
            "sender_id":"s\(number % 7)","created_at":"2026-03-\(day < 10 ? "0" : "")\(day)T10:00:00.\(1_000 + number)Z",\
            "body":{"plain":"\(place) \(number) text"},"thread_id":"p\(place)-\(1 + number / 10)"}
            """
        }
    }
  private static let count = 7 + 240
  private static let every = Set(ExportFormat.allCases).subtracting([.dsar])

  private func house(_ body: (ExportHouse, Exporter) async throws -> Void) async throws {
    let house = try await ExportHouse()
    do {
      #expect(try await house.ingest(Self.lines).setAsideCount == 0)
      var exporter = try await house.exporter()
      exporter.settings.pageMessages = 16
      exporter.settings.checkpointMessages = 20
      try await body(house, exporter)
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  /// Runs until so many messages are written, and lets go of everything there, as a process that is killed does.
  private func interrupt(
    _ exporter: Exporter, _ path: String, after messages: Int, _ formats: Set<ExportFormat>,
    _ selection: ExportSelection = ExportSelection()
  ) async throws {
    let task = Task {
      _ = try await exporter.create(selection, formats: formats, output: path, actor: "Grace") {
        if $0.messages >= messages { withUnsafeCurrentTask { $0?.cancel() } }
      }
    }
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  private func files(_ package: String) throws -> [String: [UInt8]] {
    // What names the moment of completion or the place in the log is another one each time.
    let own: Set = [Custody.fileName, AuditProof.entryName, AuditProof.proofName]
    return Dictionary(
      uniqueKeysWithValues: try Paths.files(in: package).filter { !own.contains($0) }.map {
        ($0, SHA256.hash(try Paths.read(package + "/" + $0, limit: 1 << 26)))
      })
  }

  @Test("a run that is interrupted five times makes the bytes of one that is not, in every format")
  func sameBytes() async throws {
    for formats in [Self.every, [.jsonl, .csv, .html, .eml, .mbox, .dat]] {
      try await house { house, exporter in
        let path = house.root + "/package"
        for kill in 1...5 { try await interrupt(exporter, path, after: kill * 40, formats) }
        let left = try #require(try await exporter.list().first)
        #expect(left.isInterrupted && !Paths.exists(path))
        #expect(try await exporter.list().filter(\.isInterrupted).map(\.id) == [left.id])
        let record = try await exporter.resume(left.id)
        #expect(record.isComplete && record.counts.messages == Self.count)
        #expect(try Exporter.verify(path: path, trusted: exporter.verifierKey).problems == [])
        #expect(try await exporter.list().count == 1)
        let killed = try files(path)
        // The same export again in peace: same number, same moment.
        try Paths.remove(path)
        try await house.database.transaction { tx in
          try tx.execute("UPDATE export SET state = 'running', finished_at = NULL, manifest_hash = NULL")
        }
        let number = try #require(ExportID.number(record.id))
        let row = try #require(
          try await house.database.transaction { tx in try Exports.find(number, in: tx) })
        let account = try exporter.accountSeal.open(row.sealed, id: row.id)
        let job = Exporter.Job(row: row, account: account, formats: formats)
        let peace = try await exporter.carryOut(job, ExportSelection()) { _ in }
        #expect(peace.id == record.id)
        let undisturbed = try files(path)
        #expect(killed.keys.sorted() == undisturbed.keys.sorted())
        for (name, hash) in undisturbed { #expect(killed[name] == hash, "\(name) differs") }
      }
    }
  }

  @Test("a run goes on where the last one wrote down how far it was, not from the start")
  func goesOn() async throws {
    try await house { house, exporter in
      let path = house.root + "/package"
      try await interrupt(exporter, path, after: 120, [.jsonl])
      let first = Mutex<Int?>(nil)
      let record = try await exporter.create(
        ExportSelection(), formats: [.jsonl], output: path, actor: "Grace"
      ) { progress in first.withLock { $0 = $0 ?? progress.messages } }
      #expect(record.isComplete)
      #expect(try #require(first.withLock { $0 }) >= 60)
      let ids = try house.messageIDs(path)
      #expect(ids.count == Self.count && Set(ids).count == Self.count)
    }
  }

  @Test("what comes after an export began is not in it, however late it is finished")
  func newMessages() async throws {
    try await house { house, exporter in
      let path = house.root + "/package"
      try await interrupt(exporter, path, after: 100, [.jsonl])
      _ = try await house.ingest(
        (1...3).map { SampleHistory.message("late\($0)", "p\($0)", "bob", "2026-03-01T00:00:00Z") },
        source: "late")
      let record = try await exporter.create(
        ExportSelection(), formats: [.jsonl], output: path, actor: "Grace")
      #expect(record.counts.messages == Self.count && record.isComplete)
      #expect(try house.messageIDs(path).allSatisfy { !$0.hasPrefix("late") })
    }
  }

  @Test("what was deleted between two runs does not come back out of what the first one wrote")
  func deletedMeanwhile() async throws {
    try await house { house, exporter in
      let path = house.root + "/package"
      try await interrupt(exporter, path, after: Self.count - 20, [.jsonl])
      _ = try await house.ingest(
        (1...3).map {
          #"{"type":"message.deleted","message_id":"p\#($0)-3","conversation_id":"p\#($0)","deleted_by":"s3","deleted_at":"2026-05-01T00:00:00Z"}"#
        }, source: "deletions")
      let record = try await exporter.create(
        ExportSelection(), formats: [.jsonl], output: path, actor: "Grace")
      let text = try house.lines(path).joined()
      if try await house.isHidden("p1-3") {
        #expect(record.counts.messages == Self.count - 3)
        #expect((1...3).allSatisfy { !text.contains("\($0) 3 text") })
      }
      #expect(try Exporter.verify(path: path).isValid)
    }
  }

  @Test("an erasure between two runs ends the export")
  func erasedMeanwhile() async throws {
    try await house { house, exporter in
      let path = house.root + "/home/exports/package"
      try await interrupt(exporter, path, after: Self.count - 20, [.jsonl])
      let directory = try await house.directory()
      let subject = try #require(try await directory.subject("s3"))
      let tenant = directory.tenant.id
      try await house.database.transaction { tx in
        try Subjects.set(.erasing, subject, tenant: tenant, in: tx)
        _ = try Exports.withdraw(containing: subject, at: ExportHouse.time, in: tx)
      }
      let id = try #require(try await exporter.list().first?.id)
      await #expect(throws: ExportError.self) { try await exporter.resume(id) }
      #expect(try await exporter.deleteWithdrawn().deleted == [id])
      #expect(try FileManager.default.contentsOfDirectory(atPath: house.root + "/home/exports") == [])
    }
  }

  @Test("a damaged draft is written anew, and one of other formats is another export")
  func damaged() async throws {
    try await house { house, exporter in
      let path = house.root + "/package"
      try await interrupt(exporter, path, after: 150, [.jsonl])
      let id = try #require(try await exporter.list().first?.id)
      let draft = try #require(
        try FileManager.default.contentsOfDirectory(atPath: house.root).first { $0.hasSuffix(".partial") })
      #expect(truncate(house.root + "/" + draft + "/messages.jsonl", 100) == 0)
      let record = try await exporter.resume(id)
      #expect(record.isComplete && record.id == id)
      #expect(try house.messageIDs(path).count == Self.count)
      try await interrupt(exporter, path + "2", after: 150, [.jsonl])
      let other = try await exporter.create(
        ExportSelection(), formats: [.csv], output: path + "2", actor: "Grace")
      #expect(other.isComplete && other.formats == ["csv"])
    }
  }

  @Test("an interrupted run that nobody goes on with is cleared up when its time is over")
  func forgotten() async throws {
    try await house { house, exporter in
      try await interrupt(exporter, house.root + "/package", after: 100, [.jsonl])
      var late = exporter
      late.settings.resumeSeconds = 0
      try await late.sweep()
      #expect(try await exporter.list().map(\.state) == [.failed])
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: house.root).allSatisfy { !$0.contains("partial") }
      )
    }
  }
}

extension ExportHouse {
  /// Whether a message is out of readers' sight.
  func isHidden(_ id: String) async throws -> Bool {
    try await database.transaction { tx in
      try tx.execute("SELECT 1 FROM message_locator WHERE state <> 1 LIMIT 1").count > 0
    }
  }
}
