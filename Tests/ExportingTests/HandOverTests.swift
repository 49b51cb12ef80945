import AuditLog
import Catalog
import Foundation
import History
import Ingestion
import Model
import Postgres
import Synchronization
import Testing

@testable import Exporting

/// Deletions and withdrawals while a package is packed, and runs that are busy with something long.
@Suite struct HandOverTests {
  /// A package that is stated in the audit log, and whose process is about to pack it.
  private struct Packing {
    let job: Exporter.Job
    let sealed: Exporter.SealedPackage
    var draft: PackageDraft?
    var id: String { ExportID.text(job.row.id) }
  }

  private func completed(_ exporter: Exporter, _ path: String, _ partBytes: Int64? = nil) async throws
    -> Packing
  {
    let selection = ExportSelection()
    let job = try await exporter.begin(
      selection, [.jsonl], output: path, path.hasSuffix(".zip") ? .zip : .directory, partBytes, actor: "Grace"
    )
    let draft = try PackageDraft(
      destination: path, temporary: exporter.draftPath(of: job.account, job.row.id), export: job.row.id)
    let snapshot = try await exporter.snapshot(of: selection)
    let counts = try await exporter.write(snapshot, selection, job, into: draft, from: nil) { _ in }
    let sealed = try await exporter.seal(selection, job, draft, counts)
    try await exporter.complete(job, sealed)
    return Packing(job: job, sealed: sealed, draft: draft)
  }

  private func files(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  @Test("a package that is deleted while it is packed does not stay, nor does what a killed packer left")
  func deletedWhilePacked() async throws {
    for name in ["a.zip", "a"] {
      try await ExportHouse.filled { _, exporter, folder in
        var packing = try await completed(exporter, folder + "/" + name)
        #expect(try await exporter.show(packing.id).isPacking)
        let gone = try await exporter.delete(packing.id, actor: "Ada")
        #expect(gone.removal?.reason == .deleted && !gone.isPacking)
        #expect(try files(folder).count == 1, "the packer has it")
        await #expect { try await exporter.deliver(packing.sealed) } throws: {
          ($0 as? ExportError)?.code == .cancelled
        }
        // The packer is killed.
        packing.draft = nil
        try await exporter.sweep()
        #expect(try files(folder) == [])
      }
    }
  }

  @Test("who finds, after the package got its name, that it is gone takes it back")
  func takenBack() async throws {
    try await ExportHouse.filled { house, exporter, folder in
      let packing = try await completed(exporter, folder + "/a")
      let number = packing.job.row.id
      let row = try #require(try await house.database.transaction { tx in try Exports.find(number, in: tx) })
      let account = try exporter.accountSeal.open(row.sealed, id: number)
      try PackageDraft.deliver(
        exporter.draftPath(of: account, number), custody: Array("{}".utf8), to: account.path)
      #expect(try files(folder) == ["a"])
      try await house.database.transaction { tx in
        _ = try Exports.remove(number, because: .deleted, at: ExportHouse.time, in: tx)
      }
      await #expect { try await exporter.takeBackIfGone(row, account) } throws: {
        ($0 as? ExportError)?.code == .cancelled
      }
      #expect(try files(folder) == [])
    }
  }

  @Test("a withdrawn package is not forgotten while a process packs it, parts included")
  func withdrawnWhilePacked() async throws {
    try await ExportHouse.filled { house, exporter, folder in
      var packing = try await completed(exporter, folder + "/a.zip", 65_536)
      let directory = try await house.directory()
      let (bob, tenant) = (try #require(try await directory.subject("bob")), directory.tenant.id)
      try await house.database.transaction { tx in
        try Subjects.set(.erasing, bob, tenant: tenant, in: tx)
        _ = try Exports.withdraw(containing: bob, at: ExportHouse.time, in: tx)
      }
      let report = try await exporter.deleteWithdrawn()
      #expect(report.busy == [packing.id] && report.deleted.isEmpty)
      #expect(
        try await house.database.transaction { tx in
          try Exports.withdrawn(containing: bob, handedOver: false, limit: 10, in: tx)
        } == [packing.job.row.id])
      packing.draft = nil
      #expect(try await exporter.deleteWithdrawn().deleted == [packing.id])
      #expect(try files(folder) == [])
    }
  }

  @Test("parts that have their names while their list has not go with it")
  func namedParts() async throws {
    let folder = Sample.temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let package = try await Sample.package(in: folder)
    let (draft, target) = (folder + "/draft", folder + "/out.zip")
    try FileManager.default.moveItem(atPath: package, toPath: draft)
    let packing = PackagePacking(
      draft: draft, destination: target, export: 42, packaging: .zip, modified: 1_700_000_000, partBytes: 512,
      parts: { parts in
        try PackageParts(exportID: ExportID.text(42), manifestSHA256: "", encrypted: false, parts: parts)
          .signed(by: Sample.signer())
      })
    try packing.run()
    // Back to where the first part alone has its name; and a neighbour that looks like one.
    let file = PackagePacking.file(target, export: 42)
    let named = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    #expect(named.count > 3)
    for name in named.dropFirst() {
      try FileManager.default.moveItem(
        atPath: folder + "/" + name, toPath: file + name.dropFirst("out.zip".count))
    }
    try FileManager.default.createDirectory(
      atPath: PackagePacking.packed(draft), withIntermediateDirectories: false)
    try "another's".write(toFile: target + ".9999", atomically: true, encoding: .utf8)
    let remains = ExportRemains(draft: draft, destination: target, export: 42, isSplit: true)
    #expect(try remains.remove())
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["out.zip.9999"])
  }

  @Test("a run says that it is alive, and hears that it was stopped, while it is busy with one thing")
  func heart() async throws {
    try await ExportHouse.filled { house, exporter, folder in
      let job = try await exporter.begin(ExportSelection(), [.jsonl], output: folder + "/a", actor: "Grace")
      let (pulse, number) = (ExportPulse(), job.row.id)
      pulse.wrote(7)
      try await exporter.beating(number, pulse) {
        var row = try await house.database.transaction { tx in try Exports.find(number, in: tx) }
        while row?.messages != 7 {
          await Task.yield()
          row = try await house.database.transaction { tx in try Exports.find(number, in: tx) }
        }
        _ = try await exporter.cancel(ExportID.text(number), actor: "Ada")
        while !pulse.isStopped { await Task.yield() }
        #expect(throws: ExportError.self) { try pulse.check() }
      }
      #expect(try await exporter.stopped(number).code == .cancelled)
    }
  }

  @Test("a request is in the audit log even when nothing came of it, and an estimate too")
  func audited() async throws {
    try await ExportHouse.filled { house, exporter, folder in
      let audit = house.audit
      func actions() async throws -> [String] {
        try await house.database.transaction { tx in
          try audit.entries(from: 0, limit: 100, in: tx).map { String(decoding: $0.bytes, as: UTF8.self) }
        }
      }
      let selection = try await exporter.selection(subject: "cyd")
      try await exporter.noteEstimate(selection, messages: 1, actor: "Grace")
      let noted = try #require(try await actions().last)
      #expect(noted.contains("export.estimated") && noted.contains("subject") && !noted.contains("cyd"))
      await #expect(throws: ExportError.self) {
        try await exporter.create(
          ExportSelection(), formats: [.jsonl], output: folder + "/a", actor: "Grace",
          onStart: { _ = try await exporter.cancel($0, actor: "Ada") })
      }
      #expect(try await actions().count { $0.contains("export.requested") } == 1)
      await #expect { try await exporter.selection(from: ExportHouse.time, to: ExportHouse.time) } throws: {
        ($0 as? ExportError)?.code == .badSelection
      }
    }
  }
}
