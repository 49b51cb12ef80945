import AuditLog
import Catalog
import Foundation
import History
import Ingestion
import Model
import Postgres
import Testing

@testable import Exporting

/// Cancelling, deleting, expiring, quotas, links.
@Suite struct RemovalTests {
  private func make(_ exporter: Exporter, _ path: String) async throws -> ExportRecord {
    try await exporter.create(ExportSelection(), formats: [.jsonl], output: path, as: .zip, actor: "Grace")
  }

  private func actions(_ house: ExportHouse) async throws -> [String] {
    let audit = house.audit
    return try await house.database.transaction { tx in
      try audit.entries(from: 0, limit: 100, in: tx).map { String(decoding: $0.bytes, as: UTF8.self) }
    }
  }

  @Test("deleting removes the package, keeps the record and the manifest's hash, and is audited")
  func delete() async throws {
    try await ExportHouse.filled { house, exporter, folder in
      let made = try await make(exporter, folder + "/a.zip")
      #expect(made.contentBytes > 0 && made.hasContent)
      #expect(made.expiresAt == ExportHouse.time.adding(seconds: 30 * 86_400))
      for _ in 1...2 {
        let gone = try await exporter.delete(made.id, actor: "Ada")
        #expect(gone.state == .completed && gone.removal?.reason == .deleted && !gone.hasContent)
        #expect(gone.manifestHash == made.manifestHash && gone.counts == made.counts)
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
      #expect(try await actions(house).count { $0.contains("export.deleted") } == 1)
      let bob = try #require(try await house.directory().subject("bob"))
      #expect(try await house.database.transaction { tx in try Exports.count(containing: bob, in: tx) } == 0)
    }
  }

  @Test("what lies outside of the home, or was made for a hold in force, is not deleted")
  func refused() async throws {
    try await ExportHouse.filled { house, exporter, folder in
      let away = try await make(exporter, house.root + "/away.zip")
      await #expect { try await exporter.delete(away.id, actor: "Ada") } throws: {
        ($0 as? ExportError)?.code == .beyondReach
      }
      let tenant = try await house.directory().tenant.id
      try await house.database.transaction { tx in
        try Holds.insert(
          HoldRow(
            id: 7, tenant: tenant, custodians: [], conversations: [], from: nil, to: nil, silent: false,
            sealed: [], placedAt: ExportHouse.time), in: tx)
      }
      let held = try await exporter.create(
        ExportSelection(hold: 7), formats: [.jsonl], output: folder + "/held.zip", as: .zip, actor: "Grace")
      await #expect { try await exporter.delete(held.id, actor: "Ada") } throws: {
        ($0 as? ExportError)?.code == .held
      }
      var soon = exporter
      soon.settings.expirySeconds = 0
      #expect(try await soon.expire(actor: "nightly").due == 0)
      try await house.database.transaction { tx in
        try tx.execute("UPDATE export SET expires_at = created_at WHERE inside_home")
      }
      let run = try await exporter.expire(actor: "nightly")
      #expect(run.due == 1 && run.done == 0 && run.held == 1)
      try await house.database.transaction { tx in try tx.execute("UPDATE hold SET released_at = placed_at") }
      #expect(try await exporter.expire(actor: "nightly").done == 1)
      #expect(try await exporter.show(held.id).removal?.reason == .expired)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
    }
  }

  /// How an export ends that somebody else cancels as it begins.
  private func codeOfCancelled(_ exporter: Exporter, _ path: String) async throws -> ExportError.Code? {
    let cancel: @Sendable (String) async throws -> Void = { _ = try await exporter.cancel($0, actor: "Ada") }
    do {
      _ = try await exporter.create(
        ExportSelection(), formats: [.jsonl], output: path, actor: "Grace", onStart: cancel)
      return nil
    } catch let error as ExportError {
      return error.code
    }
  }

  @Test("cancelling a run stops it, and leaves nothing")
  func cancelRunning() async throws {
    try await ExportHouse.filled { house, exporter, folder in
      let code = try await codeOfCancelled(exporter, folder + "/a")
      #expect(code == .cancelled)
      #expect(try await exporter.list().map(\.state) == [.cancelled])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
      #expect(try await actions(house).contains { $0.contains("export.cancelled") })
    }
  }

  @Test("quotas are kept, and say which setting they are")
  func quotas() async throws {
    try await ExportHouse.filled { house, exporter, folder in
      var exporter = exporter
      exporter.settings.packagesMax = 1
      let made = try await make(exporter, folder + "/a.zip")
      await #expect { try await make(exporter, folder + "/b.zip") } throws: {
        ($0 as? ExportError)?.code == .quota && "\($0)".contains("exports.packages")
      }
      try await exporter.delete(made.id, actor: "Ada")
      _ = try await make(exporter, folder + "/b.zip")
      exporter.settings.packagesMax = nil
      exporter.settings.bytesMax = 10
      await #expect { try await make(exporter, folder + "/c.zip") } throws: {
        ($0 as? ExportError)?.code == .quota && "\($0)".contains("exports.bytes")
      }
      // Outside of the home there is no quota.
      _ = try await make(exporter, house.root + "/c.zip")
    }
  }

  @Test("links are hashed, counted, audited with their maker, end and can be revoked")
  func links() async throws {
    try await ExportHouse.filled { house, exporter, folder in
      let made = try await make(exporter, folder + "/a.zip")
      let link = try await exporter.makeLink(made.id, seconds: 60, uses: 2, actor: "Ada")
      let token = try #require(link.token)
      #expect(token.utf8.count >= 43)
      let hash = Exporter.linkHash(token, house.vault)
      let time = ExportHouse.time
      func take(_ isStart: Bool, _ at: Timestamp = time, bytes: Int64 = 100) async throws -> Bool {
        let taking = ExportLinks.Taking(isStart: isStart, bytes: bytes, size: 200)
        return try await house.database.transaction { tx in
          try ExportLinks.take(hash: hash, taking, at: at, in: tx) != nil
        }
      }
      #expect(try await !take(false), "nothing was begun that could go on")
      #expect(try await take(true))
      #expect(try await take(false))
      #expect(try await take(true))
      #expect(try await !take(true), "used up")
      #expect(try await take(false), "the second one may still go on")
      #expect(try await !take(false, time.adding(seconds: 60)), "over")
      // Two uses of 200 bytes, and once more for what broke off: 400 are taken.
      #expect(try await take(false, bytes: 200))
      #expect(try await !take(false, bytes: 1), "more than the uses amount to")
      let number = try #require(Handle.number("link", link.id))
      try await house.database.transaction { tx in try ExportLinks.giveBack(50, to: number, in: tx) }
      #expect(try await !take(false, bytes: 51))
      #expect(try await take(false, bytes: 50), "what was not sent may be asked for again")
      let listed = try #require(try await exporter.links(made.id).first)
      #expect(listed.token == nil && listed.createdBy == "Ada" && listed.uses == 2)
      for _ in 1...2 { try await exporter.revokeLink(link.id, of: made.id, actor: "Ada") }
      #expect(try await !take(false))
      let log = try await actions(house)
      #expect(log.count { $0.contains("export.link_made") } == 1)
      #expect(log.count { $0.contains("export.link_revoked") } == 1)
      #expect(log.allSatisfy { !$0.contains(token) })
      await #expect(throws: ExportError.self) {
        try await exporter.makeLink(made.id, seconds: 31 * 86_400, uses: 1, actor: "Ada")
      }
    }
  }
}
