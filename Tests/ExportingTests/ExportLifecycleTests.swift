import Catalog
import Foundation
import History
import KeyVault
import Model
import Postgres
import Testing

@testable import Exporting

/// Crashes at each step, and erasures before, during and after.
@Suite struct ExportLifecycleTests {
  private func house(_ body: (ExportHouse, Exporter) async throws -> Void) async throws {
    let house = try await ExportHouse()
    do {
      _ = try await house.ingest(SampleHistory.lines)
      try await body(house, try await house.exporter())
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  /// Runs an export up to a step and lets go of everything, as a process that dies there does.
  private enum Step: CaseIterable { case begun, drafted, written, sealed, completed }

  private func crash(after step: Step, _ exporter: Exporter, _ path: String) async throws {
    let selection = ExportSelection()
    let job = try await exporter.begin(selection, [.jsonl], output: path, actor: "Grace")
    guard step != .begun else { return }
    let draft = try PackageDraft(destination: path, export: job.row.id)
    guard step != .drafted else { return }
    let snapshot = try await exporter.snapshot(of: selection)
    try draft.notes.keep(snapshot)
    let counts = try await exporter.write(snapshot, selection, job, into: draft, from: nil) { _ in }
    guard step != .written else { return }
    let sealed = try await exporter.seal(selection, job, draft, counts)
    guard step != .sealed else { return }
    try await exporter.complete(job, sealed)
  }

  @Test func aCrashLeavesNothingOrAWholePackageAfterTheNextRun() async throws {
    for step in Step.allCases {
      try await house { house, exporter in
        let folder = house.root + "/home/exports"
        try await crash(after: step, exporter, folder + "/package")
        #expect(!Paths.exists(folder + "/package"), "after \(step)")
        #expect(try await exporter.list().map(\.isPacking) == [step == .completed], "after \(step)")
        try await exporter.sweep()
        let record = try #require(try await exporter.list().first)
        let left = try FileManager.default.contentsOfDirectory(atPath: folder)
        switch step {
        case .begun:
          // No draft to be seen: another process may be about to make it.
          #expect(record.state == .running && left.isEmpty)
        case .drafted: #expect(record.state == .failed && left.isEmpty)
        case .written, .sealed:
          // It came as far as a checkpoint: whoever asks for the same goes on with it.
          #expect(record.state == .running && record.isInterrupted && left.count == 1, "after \(step)")
          let made = try await exporter.create(
            ExportSelection(), formats: [.jsonl], output: folder + "/package", actor: "Grace")
          #expect(made.id == record.id && made.isComplete)
          #expect(try Exporter.verify(path: folder + "/package", trusted: exporter.verifierKey).isValid)
        case .completed:
          #expect(record.state == .completed && left == ["package"] && !record.isPacking)
          let found = try Exporter.verify(path: folder + "/package", trusted: exporter.verifierKey)
          #expect(found.isValid && found.auditIndex == record.auditIndex)
        }
        try await exporter.sweep()
        let again = try await exporter.create(
          ExportSelection(), formats: [.jsonl], output: folder + "/again", actor: "Grace")
        #expect(again.isComplete)
      }
    }
  }

  @Test func aSweepLeavesARunningExportAlone() async throws {
    try await house { house, exporter in
      let path = house.root + "/package"
      let job = try await exporter.begin(ExportSelection(), [.jsonl], output: path, actor: "Grace")
      let draft = try PackageDraft(destination: path, export: job.row.id)
      try await exporter.sweep()
      #expect(Paths.exists(draft.temporary))
      #expect(try await exporter.show(ExportID.text(job.row.id)).state == .running)
    }
  }

  private func startErasing(_ id: String, _ house: ExportHouse) async throws -> SubjectID {
    let directory = try await house.directory()
    let subject = try #require(try await directory.subject(id))
    let tenant = directory.tenant.id
    try await house.database.transaction { tx in try Subjects.set(.erasing, subject, tenant: tenant, in: tx) }
    return subject
  }

  @Test func anErasureDuringARunStopsIt() async throws {
    try await house { house, exporter in
      _ = try await startErasing("bob", house)
      let path = house.root + "/package"
      await #expect(throws: ExportError.self) {
        try await exporter.create(ExportSelection(), formats: [.jsonl], output: path, actor: "Grace")
      }
      #expect(try await exporter.list().map(\.state) == [.failed])
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: house.root).allSatisfy { !$0.contains("export") })
    }
  }

  @Test func anErasureWithdrawsThePackagesThatNameThePerson() async throws {
    try await house { house, exporter in
      let folder = house.root + "/home/exports"
      let cyd = try await exporter.selection(subject: "cyd")
      var paths: [String: String] = [:]
      for (path, selection) in [
        (folder + "/all", ExportSelection()), (folder + "/cyd", cyd),
        (house.root + "/away", ExportSelection()),
      ] {
        paths[path] = try await exporter.create(selection, formats: [.jsonl], output: path, actor: "Grace").id
      }
      let bob = try await startErasing("bob", house)
      let (withdrawn, left) = try await house.database.transaction { tx in
        (
          try Exports.withdraw(containing: bob, at: ExportHouse.time, in: tx).count,
          try Exports.count(containing: bob, in: tx)
        )
      }
      #expect(withdrawn == 2 && left == 0)
      let report = try await exporter.deleteWithdrawn()
      #expect(report.deleted == [try #require(paths[folder + "/all"])])
      #expect(report.beyondReach == [try #require(paths[house.root + "/away"])])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["cyd"])
      #expect(Paths.exists(house.root + "/away"))
      #expect(try await exporter.deleteWithdrawn().deleted.isEmpty)
      let record = try await exporter.show(try #require(paths[folder + "/all"]))
      #expect(record.state == .withdrawn && record.path == nil && record.actor == nil)
    }
  }

  @Test func whatTookAWithdrawnPackagesPlaceIsNotDeleted() async throws {
    try await house { house, exporter in
      let path = house.root + "/home/exports/package"
      _ = try await exporter.create(ExportSelection(), formats: [.jsonl], output: path, actor: "Grace")
      let bob = try await startErasing("bob", house)
      _ = try await house.database.transaction { tx in
        try Exports.withdraw(containing: bob, at: ExportHouse.time, in: tx).count
      }
      try FileManager.default.removeItem(atPath: path)
      let cyd = try await exporter.selection(subject: "cyd")
      _ = try await exporter.create(cyd, formats: [.jsonl], output: path, actor: "Grace")
      #expect(try await exporter.deleteWithdrawn().deleted.count == 1)
      #expect(try Exporter.verify(path: path).isValid)
    }
  }
}
