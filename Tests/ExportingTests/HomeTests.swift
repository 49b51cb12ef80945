import AuditLog
import Catalog
import Foundation
import History
import Ingestion
import Model
import Postgres
import Testing

@testable import Exporting

/// Packages below the home are the home's, whatever the machine is called that has it mounted.
@Suite struct HomeTests {
  private func make(
    _ exporter: Exporter, _ path: String, as packaging: ExportPackaging = .zip, partBytes: Int64? = nil
  ) async throws -> ExportRecord {
    try await exporter.create(
      ExportSelection(), formats: [.jsonl], output: path, as: packaging, partBytes: partBytes, actor: "Grace")
  }

  /// As if the row had been written on another machine, in a home of that id.
  private func move(_ id: String, to host: String, home: String?, _ exporter: Exporter) async throws {
    let number = try #require(ExportID.number(id))
    let row = try #require(try await exporter.database.transaction { tx in try Exports.find(number, in: tx) })
    let old = try exporter.accountSeal.open(row.sealed, id: number)
    var account = ExportAccount(
      path: old.path, packaging: old.packaging, partBytes: old.partBytes, actor: old.actor, host: host,
      home: home)
    (account.counts, account.auditIndex, account.completedAt) = (
      old.counts, old.auditIndex, old.completedAt
    )
    let sealed = try exporter.accountSeal.seal(account, id: number)
    try await exporter.database.transaction { tx in
      try tx.execute("UPDATE export SET sealed = $2 WHERE export_id = $1", [.int8(number), .bytes(sealed)])
    }
  }

  private func withdraw(_ house: ExportHouse) async throws -> SubjectID {
    let directory = try await house.directory()
    let bob = try #require(try await directory.subject("bob"))
    let tenant = directory.tenant.id
    try await house.database.transaction { tx in
      try Subjects.set(.erasing, bob, tenant: tenant, in: tx)
      _ = try Exports.withdraw(containing: bob, at: ExportHouse.time, in: tx)
    }
    return bob
  }

  private func actions(_ house: ExportHouse) async throws -> [String] {
    let audit = house.audit
    return try await house.database.transaction { tx in
      try audit.entries(from: 0, limit: 100, in: tx).map { String(decoding: $0.bytes, as: UTF8.self) }
    }
  }

  private func files(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  @Test("a machine with another name deletes, expires and withdraws what lies below its home")
  func anotherHost() async throws {
    for isOlder in [false, true] {
      try await ExportHouse.filled { house, exporter, folder in
        var made: [String] = []
        for name in ["a.zip", "b.zip", "c"] {
          let record = try await make(exporter, folder + "/" + name, as: name == "c" ? .directory : .zip)
          made.append(record.id)
          let home = try #require(exporter.homeID)
          try await move(record.id, to: "a-pod-that-was", home: isOlder ? nil : home, exporter)
        }
        #expect(try await exporter.delete(made[0], actor: "Ada").removal?.reason == .deleted)
        #expect(try files(folder) == ["b.zip", "c"])
        let number = try #require(ExportID.number(made[1]))
        try await house.database.transaction { tx in
          try tx.execute("UPDATE export SET expires_at = created_at WHERE export_id = $1", [.int8(number)])
        }
        let run = try await exporter.expire(actor: "nightly")
        #expect(run.done == 1 && run.troubles.isEmpty, "\(run.troubles)")
        #expect(try files(folder) == ["c"])
        _ = try await withdraw(house)
        #expect(try await exporter.deleteWithdrawn().deleted == [made[2]])
        #expect(try files(folder) == [])
      }
    }
  }

  @Test("a run that another machine began below the home is gone on with, or cleared up")
  func interruptedElsewhere() async throws {
    try await ExportHouse.filled { house, exporter, folder in
      for name in ["a.zip", "b.zip"] {
        let job = try await exporter.begin(
          ExportSelection(), [.jsonl], output: folder + "/" + name, .zip, actor: "G")
        let draft = try PackageDraft(
          destination: job.destination, temporary: exporter.draftPath(of: job.account, job.row.id),
          export: job.row.id)
        let snapshot = try await exporter.snapshot(of: ExportSelection())
        try draft.notes.keep(snapshot)
        _ = try await exporter.write(snapshot, ExportSelection(), job, into: draft, from: nil) { _ in }
        try await move(ExportID.text(job.row.id), to: "a-pod-that-was", home: exporter.homeID, exporter)
      }
      let left = try await exporter.list()
      #expect(left.map(\.isInterrupted) == [true, true])
      #expect(try await exporter.resume(left[0].id).isComplete)
      var late = exporter
      late.settings.resumeSeconds = 0
      try await late.sweep()
      #expect(try await Set(exporter.list().map(\.state)) == [.completed, .failed])
      #expect(try files(folder).count == 1)
      withExtendedLifetime(house) {}
    }
  }

  @Test("nothing is said to be deleted that lies below another home; what is lost is written off by name")
  func anotherHome() async throws {
    try await ExportHouse.filled { house, exporter, folder in
      let record = try await make(exporter, folder + "/a.zip")
      try await move(record.id, to: "elsewhere", home: String(repeating: "0", count: 32), exporter)
      try FileManager.default.moveItem(atPath: folder + "/a.zip", toPath: house.root + "/in-the-other-home")
      await #expect { try await exporter.delete(record.id, actor: "Ada") } throws: {
        ($0 as? ExportError)?.code == .beyondReach
      }
      await #expect(throws: ExportError.self) { try await exporter.wouldDelete(record.id) }
      try await house.database.transaction { tx in try tx.execute("UPDATE export SET expires_at = created_at")
      }
      let run = try await exporter.expire(actor: "nightly")
      #expect(run.due == 1 && run.done == 0)
      #expect(run.troubles.map(\.description) == ["\(record.id): beyond_reach"])
      #expect(try await exporter.show(record.id).removal == nil)
      #expect(
        try await actions(house).allSatisfy {
          !$0.contains("export.deleted") && !$0.contains("export.expired")
        })
      await #expect(throws: ExportError.self) { try await exporter.writeOff(record.id, actor: "Ada") }
      let bob = try await withdraw(house)
      func left() async throws -> [Int64] {
        try await house.database.transaction { tx in
          try Exports.withdrawn(containing: bob, handedOver: false, limit: 10, in: tx)
        }
      }
      let report = try await exporter.deleteWithdrawn()
      #expect(report.deleted.isEmpty && report.beyondReach == [record.id])
      #expect(try await left().map(ExportID.text) == [record.id])
      #expect(try await exporter.writeOff(record.id, actor: "Ada").path == nil)
      #expect(try await left().isEmpty)
      #expect(try await actions(house).count { $0.contains("export.written_off") } == 1)
    }
  }

  @Test("a package that cannot be removed or put in its place keeps no other waiting, and is named")
  func oneBadPackage() async throws {
    try await ExportHouse.filled { house, exporter, folder in
      let bad = try await make(exporter, folder + "/bad.zip")
      let good = try await make(exporter, folder + "/good.zip")
      try "another's".write(toFile: folder + "/bad.zip", atomically: true, encoding: .utf8)
      try await house.database.transaction { tx in try tx.execute("UPDATE export SET expires_at = created_at")
      }
      for night in 1...2 {
        let run = try await exporter.expire(actor: "nightly")
        #expect(run.troubles.map(\.description) == ["\(bad.id): destination"], "night \(night)")
        #expect(try files(folder) == ["bad.zip"])
      }
      #expect(try await exporter.show(good.id).removal?.reason == .expired)
      #expect(try await make(exporter, folder + "/next.zip").isComplete)
    }
  }

  @Test("numbers at the end of a neighbour's name are no parts, and half a directory is not left")
  func neighbours() async throws {
    try await ExportHouse.filled { house, exporter, folder in
      let neighbour = try await make(exporter, folder + "/case.2024", as: .directory)
      let package = try await make(exporter, folder + "/case", as: .directory)
      for _ in 1...2 {
        #expect(try await exporter.delete(package.id, actor: "Ada").removal?.reason == .deleted)
      }
      #expect(try files(folder) == ["case.2024"])
      // As after a crash while it was removed: what is left has a name of its own.
      let number = try #require(ExportID.number(neighbour.id))
      let way = PackageDraft.temporary(for: folder + "/case.2024", export: number) + ".gone"
      try FileManager.default.moveItem(atPath: folder + "/case.2024", toPath: way)
      try Paths.remove(way + "/manifest.json")
      #expect(try await exporter.delete(neighbour.id, actor: "Ada").removal?.reason == .deleted)
      #expect(try files(folder) == [])
      withExtendedLifetime(house) {}
    }
  }
}
