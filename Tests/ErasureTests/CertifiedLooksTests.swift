import Catalog
import Erasure
import Foundation
import Model
import Retention
import Testing

/// A certificate states what was looked at, and nothing else.
@Suite("What certificates say was looked at")
struct CertifiedLooksTests {
  @Test("Somebody nobody knows is recorded, looked for, and not taken in later")
  func unknown() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([Events.message("m", "ben", "text of ben")])
      let withdrawn = try await house.approved("nobody-of-that-name")
      _ = try await house.erasure.end(withdrawn, as: .withdrawn, reason: "about nobody", actor: "dpo")
      let id = try await house.approved("nobody-of-that-name")
      let statement = try await house.erasure.run(id, actor: "dpo").statement()
      #expect(statement.status == "complete" && statement.stores.auditParts == 1)
      #expect(
        statement.verification == "database and every file of the home were looked through: no residue")
      #expect(try LedgerFile(home: house.home).entries().map(\.erasure) == [id])
      #expect(try await house.count("SELECT count(*) FROM erasure_ledger") == 1)
      await #expect(throws: HouseError.self) {
        try await house.deliver([Events.message("late", "nobody-of-that-name", "late text")])
      }
      #expect(try await house.erasure.verify(id).isEmpty)
    }
  }

  @Test("Files are named where they were read, and not where there was nothing to read them for")
  func files() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([
        Events.message("held", "ann", "harbour words that nobody else has written"),
        Events.message("free", "ann", "lantern words that nobody else has written", day: 20),
      ])
      let hold = try await house.hold(
        HoldRequest(
          matter: "M", custodians: ["ann"], to: ErasureHouse.start.adding(seconds: 10 * ErasureHouse.day),
          reason: "suit"))
      let id = try await house.approved("ann")
      let first = try await house.erasure.run(id, actor: "dpo").statement()
      #expect(
        first.verification
          == "database, keys, index, archive and every file of the home were looked through: no residue")
      try await house.release(hold)
      house.advance(days: 2)
      #expect(try await house.erasure.reconsiderAll(actor: "job").completed == 1)
      let last = try await house.erasure.run(id, actor: "dpo").statement()
      #expect(
        last.verification
          == "database, keys, index, archive and packages were looked through: no residue; "
          + "the files of the home were not: no text was known to look for")
    }
  }

  @Test("Where some of a conversation is kept, its files are not said to have been read")
  func scoped() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([
        Events.join("ben"), Events.message("m1", "ann", "alpha words that nobody else has written"),
        Events.message("m2", "ben", "beta words that nobody else has written", day: 20),
      ])
      _ = try await house.hold(
        HoldRequest(
          matter: "M", conversations: ["c"], to: ErasureHouse.start.adding(seconds: 10 * ErasureHouse.day),
          reason: "suit"))
      let row = try await house.erasure.request(.conversation("c"), reason: "r", actor: "alice")
      _ = try await house.erasure.plan(row.id)
      try await house.erasure.approve(row.id, actor: "bob")
      let statement = try await house.erasure.run(row.id, actor: "dpo").statement()
      #expect(statement.status == "partial")
      #expect(
        statement.verification
          == "database, index, archive and packages were looked through: no residue; "
          + "the files of the home were not: what is kept may hold the same bytes")
    }
  }
}
