import Catalog
import Foundation
import Model
import Postgres
import Runtime
import Segments
import TestSupport
import Testing
import Tiering

@Suite("A second store of segments")
struct ArchiveReplicaTests {
  private let rooms: CoverageHouse
  private let replica: String
  private let archiver: Archiver
  private var application: Application { rooms.house.application }
  private var segments: String { application.settings.home + "/segments" }

  /// Two months in a segment each.
  init() async throws {
    rooms = try await CoverageHouse()
    let (application, home) = (rooms.house.application, rooms.house.application.settings.home)
    replica = home + "/replica"
    try await rooms.join("kim", ["a"])
    try await rooms.store(
      (1...2).flatMap { month in
        (1...4).map { day in
          CoverageHouse.message(
            "m\(month)-\(day)",
            .init(conversation: "a", at: Timestamp(civil: 2024, month, day), kind: TokenKind(.plain)))
        }
      })
    var settings = Archiver.Settings(scratch: home + "/scratch", groups: application.settings.indexGroups)
    let directory = replica
    settings.replica = { try FileSegmentStore(directory: directory, owner: "test") }
    archiver = Archiver(
      tenant: try await application.tenant("acme"), database: application.database, vault: application.vault,
      history: application.history, audit: application.audit, settings: settings, now: Application.clock)
    _ = try await archiver.run(try await archiver.plan(before: Timestamp(civil: 2024, 4, 1)))
  }

  private func files(_ directory: String) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: directory).filter {
      $0.hasSuffix(".mseg")
    }
    return Dictionary(
      uniqueKeysWithValues: try names.map {
        ($0, try Data(contentsOf: URL(fileURLWithPath: directory + "/" + $0)))
      })
  }

  private func damage(_ name: String, in directory: String) throws {
    let path = URL(fileURLWithPath: directory + "/" + name)
    var bytes = try Data(contentsOf: path)
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: path)
  }

  @Test("It gets what it lacks, once, and what is replaced goes from it too")
  func replication() async throws {
    let done = try await archiver.replicate()
    #expect(done.segments == 2 && done.copied == 2 && done.removed == 0 && done.damaged.isEmpty)
    #expect(try files(replica) == files(segments))
    let again = try await archiver.replicate()
    #expect(again.segments == 2 && again.copied == 0 && again.bytes == 0)
    let tenant = try await application.tenant("acme").id
    let id = try await application.database.read { tx in try Archive.segments(tenant: tenant, in: tx) }[0].id
    _ = try await archiver.restore(id)
    #expect(try await archiver.replicate().removed == 0, "a replaced object is still known")
    try await application.database.transaction { tx in
      try tx.execute("UPDATE segment SET superseded_at = superseded_at - interval '1 hour'")
    }
    try await archiver.sweep()
    #expect(try await archiver.replicate().removed == 1)
    #expect(try files(replica) == files(segments) && files(replica).count == 1)
    await application.close()
  }

  @Test("A damaged segment and a missing one are whole again, and the audit log says so")
  func repair() async throws {
    _ = try await archiver.replicate()
    let whole = try files(segments)
    let names = whole.keys.sorted()
    try damage(names[0], in: segments)
    try FileManager.default.removeItem(atPath: segments + "/" + names[1])
    #expect(try await archiver.verify(.all, deep: false).damaged == 2)
    let mended = try await archiver.verify(.all, deep: true, repairing: true)
    #expect(mended.repaired == 2 && mended.damaged == 0 && mended.findings.isEmpty && !mended.mended.isEmpty)
    #expect(mended.mended.contains { $0.block != nil && $0.conversation != nil && $0.messages == 4 })
    #expect(try files(segments) == whole)
    #expect(try files(replica) == whole)
    let tenant = try await application.tenant("acme").id
    let repairs = try await application.database.read { tx in
      try tx.execute(
        "SELECT count(*) FROM audit_entry WHERE tenant_id = $1 AND action = 'archive.repaired'",
        [.int8(tenant.rawValue)]
      ).int64(0, 0)
    }
    #expect(repairs == 2)
    #expect(try FileManager.default.contentsOfDirectory(atPath: application.settings.home + "/scratch") == [])
    await application.close()
  }

  @Test("A copy that is damaged is found, and made anew from the segment")
  func damagedCopy() async throws {
    _ = try await archiver.replicate()
    let whole = try files(replica)
    let name = whole.keys.sorted()[0]
    try damage(name, in: replica)
    let found = try await archiver.verify(.all, deep: false)
    #expect(found.damaged == 1 && found.affected == 0)
    #expect(found.findings.contains { $0.what.contains("replica") && SegmentName.object($0.segment) == name })
    let mended = try await archiver.verify(.all, deep: false, repairing: true)
    #expect(mended.repaired == 1 && mended.damaged == 0)
    #expect(try files(replica) == whole)
    #expect(try files(segments) == whole)
    await application.close()
  }

  @Test("The segments' own directory is no second store, whatever it is called")
  func samePlace() async throws {
    let home = application.settings.home
    try FileManager.default.createSymbolicLink(atPath: home + "/other", withDestinationPath: segments)
    for path in [segments, segments + "/", home + "/./segments", home + "/other"] {
      #expect(throws: SettingsError.self, "\(path)") {
        try Settings(home: home, environment: ["MUNIMENT_ARCHIVE_REPLICA": "file:" + path])
      }
    }
    let other = try Settings(home: home, environment: ["MUNIMENT_ARCHIVE_REPLICA": "file:" + replica])
    #expect(other.replicaStore != nil)
    await application.close()
  }

  @Test("What is damaged in both stays as it is and is said; a damaged one is never copied")
  func beyondRepair() async throws {
    let names = try files(segments).keys.sorted()
    try damage(names[0], in: segments)
    let done = try await archiver.replicate()
    #expect(done.copied == 1 && done.damaged.map(SegmentName.object) == [names[0]])
    let damaged = try files(segments)
    let found = try await archiver.verify(.all, deep: false, repairing: true)
    #expect(found.damaged == 1 && found.repaired == 0)
    #expect(found.findings.contains { $0.what.contains("no whole copy") })
    #expect(try files(segments) == damaged)
    await application.close()
  }

  @Test("Without a replica, repairing is refused with what to do")
  func none() async throws {
    let plain = application.archiver(try await application.tenant("acme"))
    let error = await #expect(throws: TieringError.self) {
      try await plain.verify(.all, deep: false, repairing: true)
    }
    #expect(error?.code == .noReplica && error?.description.contains("archive.replica") == true)
    await application.close()
  }
}
