import Catalog
import Foundation
import History
import Model
import Postgres
import Testing

@testable import Exporting

/// Exports that nobody waits for: noted first, written by whoever serves, however often it stops.
@Suite struct UnattendedTests {
  private static let count = 7
  private static let late = SampleHistory.message("late", "general", "ann", "2026-02-01T00:00:00Z")

  private func house(_ body: (ExportHouse, Exporter, String) async throws -> Void) async throws {
    let house = try await ExportHouse()
    do {
      _ = try await house.ingest(SampleHistory.lines)
      var exporter = try await house.exporter()
      exporter.settings.pageMessages = 2
      exporter.settings.checkpointMessages = 1
      try await body(house, exporter, house.root + "/home/exports/package.zip")
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  private func prepare(_ exporter: Exporter, _ path: String) async throws -> String {
    try await exporter.prepare(ExportSelection(), formats: [.jsonl], output: path, as: .zip, actor: "Grace")
  }

  private func waiting(_ house: ExportHouse) async throws -> [ExportRow] {
    try await house.database.read { tx in try Exports.unattended(limit: 10, in: tx) }
  }

  @Test("a prepared export has what was there when it was asked for, and is written once")
  func writtenLater() async throws {
    try await house { house, exporter, path in
      let id = try await prepare(exporter, path)
      let noted = try await exporter.show(id)
      #expect(noted.state == .running && noted.isUnattended && !noted.isInterrupted)
      _ = try await house.ingest([Self.late], source: "late")
      try await exporter.sweep()
      let row = try #require(try await waiting(house).first)
      let record = try #require(try await exporter.carryOutUnattended(row))
      #expect(record.id == id && record.isComplete && record.counts.messages == Self.count)
      #expect(try Exporter.verify(path: path, trusted: exporter.verifierKey).problems == [])
      #expect(try await waiting(house).isEmpty)
      let again = try await house.database.read { tx in try Exports.find(row.id, in: tx) }
      #expect(try await exporter.carryOutUnattended(try #require(again))?.id == nil)
    }
  }

  @Test("a run that was stopped is gone on with, and one that another process writes is let be")
  func stopped() async throws {
    try await house { house, exporter, path in
      let id = try await prepare(exporter, path)
      let row = try #require(try await waiting(house).first)
      for stop in [1, 3] {
        let task = Task {
          try await exporter.carryOutUnattended(row) {
            if $0.messages >= stop { withUnsafeCurrentTask { $0?.cancel() } }
          }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
      }
      let account = try exporter.accountSeal.open(row.sealed, id: row.id)
      do {
        let lock = try DirectoryLock(exporter.draftPath(of: account, row.id))
        #expect(try await exporter.carryOutUnattended(row)?.id == nil)
        withExtendedLifetime(lock) {}
      }
      let record = try #require(try await exporter.carryOutUnattended(row))
      #expect(record.id == id && record.isComplete && record.counts.messages == Self.count)
      #expect(try await exporter.list().count == 1)
      #expect(try Exporter.verify(path: path).messages == Self.count)
    }
  }

  @Test("cancelled before it began, nothing of it is left; nobody's for too long, it says why it failed")
  func ended() async throws {
    try await house { house, exporter, path in
      let first = try await prepare(exporter, path)
      #expect(try await exporter.delete(first, actor: "Grace").state == .cancelled)
      let second = try await prepare(exporter, path)
      var late = exporter
      late.settings.resumeSeconds = 0
      try await late.sweep()
      let record = try await exporter.show(second)
      #expect(record.state == .failed && record.failure == "interrupted")
      #expect(try FileManager.default.contentsOfDirectory(atPath: house.root + "/home/exports") == [])
    }
  }

  @Test("an erasure between asking and writing ends it, and the record says so")
  func erased() async throws {
    try await house { house, exporter, path in
      let id = try await prepare(exporter, path)
      let directory = try await house.directory()
      let bob = try #require(try await directory.subject("bob"))
      let tenant = directory.tenant.id
      try await house.database.transaction { tx in try Subjects.set(.erasing, bob, tenant: tenant, in: tx) }
      let row = try #require(try await waiting(house).first)
      await #expect(throws: ExportError.self) { try await exporter.carryOutUnattended(row) }
      let record = try await exporter.show(id)
      #expect(record.state == .failed && record.failure == "withdrawn")
    }
  }

  private static func limited(_ exporter: Exporter) -> Exporter {
    var limited = exporter
    limited.settings.runningMax = 1
    return limited
  }

  @Test("what cannot be made is refused when it is asked for")
  func refused() async throws {
    try await house { house, exporter, path in
      await #expect(throws: ExportError.self) {
        try await exporter.prepare(
          ExportSelection(), formats: [.dsar], output: path, as: .zip, actor: "Grace")
      }
      await #expect(throws: ExportError.self) {
        try await exporter.prepare(
          ExportSelection(), formats: [.jsonl], output: path, as: .zip, partBytes: 1, actor: "Grace")
      }
      let busy = Self.limited(exporter)
      _ = try await prepare(busy, path)
      await #expect(throws: ExportError.self) { try await prepare(busy, path + "2") }
    }
  }

  @Test("an estimate measures what is hot, and counts what is archived with its segments' average")
  func storage() async throws {
    try await house { house, exporter, _ in
      let all = ExportSelection()
      let hot = try await exporter.storage(all, messages: Self.count)
      let stored = try await house.database.read { tx in
        try tx.execute("SELECT sum(octet_length(payload))::bigint FROM message").int64(0, 0)
      }
      #expect(hot == ExportEstimate.Storage(hot: stored, archived: 0) && stored > 0)
      let one = try await exporter.selection(conversations: ["private"])
      let part = try await exporter.storage(one, messages: 1)
      #expect(part.hot > 0 && part.hot < stored)
      #expect(try await house.archive() == Self.count)
      let cold = try await exporter.storage(all, messages: Self.count)
      let segments = try await house.database.read { tx in
        try tx.execute("SELECT sum(byte_count)::bigint FROM segment").int64(0, 0)
      }
      #expect(cold == ExportEstimate.Storage(hot: 0, archived: segments))
      let nothing = try await exporter.selection(from: Timestamp(rfc3339: "2030-01-01T00:00:00Z"))
      #expect(try await exporter.storage(nothing, messages: 0).bytes == 0)
    }
  }
}
