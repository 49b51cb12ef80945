import Catalog
import Foundation
import Model
import Postgres
import Runtime
import Testing

@testable import Erasure

/// The ledger outside the database, and what a restored database is told by it.
@Suite("The erasure ledger and restored databases")
struct LedgerTests {
  private func approved(_ house: ErasureHouse, _ target: ErasureTarget) async throws -> Int64 {
    let row = try await house.erasure.request(target, reason: "their wish", actor: "alice")
    _ = try await house.erasure.plan(row.id)
    try await house.erasure.approve(row.id, actor: "bob")
    return row.id
  }

  /// As a backup from before the run has it: the request stands as `state`, the message is there, nobody is in the
  /// database's own ledger.
  private func restore(_ house: ErasureHouse, _ id: Int64, to state: String?) async throws {
    try await house.database.transaction { tx in
      if let state {
        try tx.executeScript(
          "UPDATE erasure SET state = '\(state)', completed_at = NULL, certificate = NULL WHERE erasure_id = \(id)"
        )
      } else {
        try tx.executeScript("DELETE FROM erasure WHERE erasure_id = \(id)")
      }
      try tx.executeScript(
        "DELETE FROM erasure_ledger; UPDATE message_locator SET state = 1 WHERE state = 4")
    }
  }

  private func revived(_ house: ErasureHouse) async throws -> [Int64] {
    try await ErasureService.revived(database: house.database, home: house.home).map(\.erasure)
  }

  @Test(
    "Whoever the ledger names is erased again, whatever the restored request says, unless its run is under way",
    arguments: [nil, "requested", "planned", "approved", "withdrawn", "refused"])
  func person(state: String?) async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([Events.message("m", "ann", "text of ann")])
      let id = try await house.approved("ann")
      _ = try await house.erasure.run(id, actor: "dpo")
      #expect(try await revived(house).isEmpty)
      try await restore(house, id, to: state)
      // The person is not in the database, but it would let them in again.
      #expect(try await revived(house) == [id])
      for under in ["running", "partial"] where state != nil {
        try await restore(house, id, to: under)
        #expect(try await revived(house).isEmpty, "\(under)")
      }
      try await restore(house, id, to: state)
      #expect(try await house.application.replayErasures(actor: "restore") == 1)
      #expect(try await revived(house).isEmpty)
      #expect(try await house.erasure.find(id).state == .completed)
      await #expect(throws: HouseError.self) {
        try await house.deliver([Events.message("late", "ann", "late text of ann")])
      }
    }
  }

  @Test(
    "A person whom the restored database has is erased again",
    arguments: ["planned", "withdrawn", "completed"])
  func returned(state: String) async throws {
    try await ErasureHouse.with { house in
      let id = try await house.approved("ann")
      _ = try await house.erasure.run(id, actor: "dpo")
      if state == "completed" {
        try await house.database.transaction { tx in try tx.executeScript("DELETE FROM erasure_ledger") }
      } else {
        try await restore(house, id, to: state)
      }
      try await house.deliver([Events.message("m", "ann", "text of ann")])
      #expect(try await revived(house) == [id])
      #expect(try await house.application.replayErasures(actor: "restore") == 1)
      #expect(try await house.states(["m"]) == [.erased])
      #expect(try await house.erasure.verify(id).isEmpty)
    }
  }

  @Test(
    "So is a message, and one of a running erasure is left to it",
    arguments: [nil, "requested", "planned", "approved", "withdrawn", "refused"])
  func message(state: String?) async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([
        Events.message("m1", "ann", "alpha words of ann"), Events.message("m2", "ben", "beta words of ben"),
      ])
      let id = try await approved(house, .message("m1"))
      _ = try await house.erasure.run(id, actor: "dpo")
      try await restore(house, id, to: "running")
      #expect(try await revived(house).isEmpty)
      try await restore(house, id, to: state)
      #expect(try await revived(house) == [id])
      _ = try await house.application.replayErasures(actor: "restore")
      #expect(try await house.states(["m1", "m2"]) == [.erased, .live])
      #expect(try await revived(house).isEmpty)
    }
  }

  @Test("Entries of a tenant that the database does not have revive nobody")
  func foreign() async throws {
    try await ErasureHouse.with { house in
      try LedgerFile(home: house.home).record(tenant: TenantID(rawValue: 7), hash: [1, 2], erasure: 3)
      #expect(try await revived(house).isEmpty)
    }
  }

  private func write(_ text: String, _ home: String) throws {
    try text.write(toFile: home + "/erasure-ledger", atomically: true, encoding: .utf8)
  }

  @Test(
    "A line without its end does not swallow the next; one that says nothing is an error, as is no file to read"
  )
  func damaged() async throws {
    try await ErasureHouse.with { house in
      let (file, tenant) = (LedgerFile(home: house.home), house.tenant.id)
      #expect(try file.entries().isEmpty)
      try write("\(tenant.rawValue) ab 1", house.home)
      try file.record(tenant: tenant, hash: [0xCD], erasure: 2)
      try file.record(tenant: tenant, hash: [0xCD], erasure: 2)
      try file.record(tenant: tenant, hash: [0xEF], erasure: 3, scope: .message(MessageKey(high: 4, low: 5)))
      #expect(try file.entries().map(\.erasure).sorted() == [1, 2, 3])
      let lines = try String(contentsOfFile: house.home + "/erasure-ledger", encoding: .utf8)
      #expect(lines.split(separator: "\n", omittingEmptySubsequences: false).count == 4)
      for damaged in [
        "\(tenant.rawValue) ab", "x ab 1\n\(tenant.rawValue) ab 1\n", "\(tenant.rawValue) ab 1 later\n",
      ] {
        try write(damaged, house.home)
        #expect(throws: ErasureError.self) { try file.entries() }
        #expect(throws: ErasureError.self) { try file.record(tenant: tenant, hash: [1], erasure: 9) }
      }
      try FileManager.default.removeItem(atPath: house.home + "/erasure-ledger")
      try FileManager.default.createDirectory(
        atPath: house.home + "/erasure-ledger", withIntermediateDirectories: false)
      let error = #expect(throws: ErasureError.self) { try file.entries() }
      #expect(error?.code == .ledger)
    }
  }

  @Test("An erasure whose ledger cannot be written destroys nothing")
  func unwritten() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([Events.message("m", "ann", "text of ann")])
      let id = try await house.approved("ann")
      try write("damaged\n", house.home)
      await #expect(throws: ErasureError.self) { try await house.erasure.run(id, actor: "dpo") }
      #expect(try await house.states(["m"]) == [.live])
      try FileManager.default.removeItem(atPath: house.home + "/erasure-ledger")
      #expect(try await house.erasure.run(id, actor: "dpo").statement().status == "complete")
    }
  }
}
