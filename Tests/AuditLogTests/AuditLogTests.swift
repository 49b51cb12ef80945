import AuditLog
import Model
import Postgres
import Sodium
import Testing

struct AuditLogTests {
  @Test("An entry is canonical JSON that holds commitments instead of names")
  func entryForm() async throws {
    let fixture = try await AuditFixture.make()
    let log = fixture.log
    let entries = try await fixture.pool.transaction { tx in
      let entry = AuditEntry(
        tenant: TenantID(rawValue: 5), actor: "Mallory", action: "export.made", object: "export/1",
        details: ["messages": "3"], personal: ["custodian": "Alice"])
      #expect(try log.append([entry], at: AuditFixture.time, in: tx) == 0)
      return try log.entries(from: 0, limit: 10, in: tx)
    }
    let text = String(decoding: entries[0].bytes, as: UTF8.self)
    let masked = text.replacing(#/"[A-Za-z0-9+\/]{43}="/#, with: "*")
    #expect(
      masked == #"{"action":"export.made","actor":{"commitment":*},"at":"2025-03-01T00:00:00Z","#
        + #""details":{"messages":"3"},"index":0,"object":"export/1","personal":{"custodian":*},"tenant":5,"v":1}"#
    )
    #expect(!text.contains("Alice") && !text.contains("Mallory"))
  }

  @Test("A log of any size verifies, and its proofs lead to its roots", arguments: [0, 1, 2, 255, 256, 600])
  func proofs(size: Int) async throws {
    let fixture = try await AuditFixture.make()
    try await fixture.append(size / 2)
    let early = try Checkpoint.verify(note: try await fixture.checkpoint(), by: fixture.log.key)
    try await fixture.append(size - size / 2, batch: 37)
    let note = try await fixture.checkpoint()
    let late = try Checkpoint.verify(note: note, by: fixture.log.key)
    #expect(late.size == Int64(size))
    let log = fixture.log
    try await fixture.pool.transaction { tx in
      let consistency = try log.consistencyProof(from: early.size, to: late.size, in: tx)
      #expect(
        MerkleProof.verifyConsistency(
          from: early.size, root: early.root, to: late.size, root: late.root, proof: consistency))
      #expect(try log.root(of: early.size, in: tx) == early.root)
      for entry in try log.entries(from: 0, limit: 5_000, in: tx) where entry.index % 41 == 0 {
        try log.proof(of: entry.index, in: tx).verify(entry.bytes, by: log.key)
      }
    }
    let result = try await fixture.verify(note)
    #expect(result.isIntact, "\(result.problems)")
    #expect(result.root == late.root)
  }

  @Test("A size or index the log does not have is refused")
  func outOfRange() async throws {
    let fixture = try await AuditFixture.make()
    try await fixture.append(3)
    let log = fixture.log
    try await fixture.pool.transaction { tx in
      #expect(throws: AuditError.self) { try log.inclusionProof(of: 3, size: 3, in: tx) }
      #expect(throws: AuditError.self) { try log.inclusionProof(of: 0, size: 4, in: tx) }
      #expect(throws: AuditError.self) { try log.consistencyProof(from: 2, to: 4, in: tx) }
      #expect(throws: AuditError.self) { try log.proof(of: 0, in: tx) }
      #expect(throws: AuditError.self) { try log.tile(TilePath(level: 0, index: 0, width: 4), in: tx) }
      #expect(throws: AuditError.self) { try log.tile(TilePath(level: 0, index: .max), in: tx) }
    }
  }

  @Test("Tiles hold the hashes and entries from which anyone recomputes the root")
  func tiles() async throws {
    let fixture = try await AuditFixture.make()
    try await fixture.append(300)
    let log = fixture.log
    let (tiles, upper, bundle, root) = try await fixture.pool.transaction { tx in
      let tiles = [
        try log.tile(TilePath(level: 0, index: 0), in: tx),
        try log.tile(TilePath(level: 0, index: 1, width: 44), in: tx),
      ]
      return (
        tiles, try log.tile(TilePath(level: 1, index: 0, width: 1), in: tx),
        try log.tile(TilePath(level: nil, index: 1, width: 44), in: tx), try log.head(in: tx).root
      )
    }
    var range = CompactRange()
    for tile in tiles {
      for start in stride(from: 0, to: tile.count, by: 32) {
        _ = range.append(Array(tile[start..<(start + 32)]))
      }
      if range.size == 256 { #expect(range.root == upper) }
    }
    #expect(range.root == root)
    let length = Int(bundle[0]) << 8 | Int(bundle[1])
    #expect(Merkle.leaf(Array(bundle[2..<(2 + length)])) == Array(tiles[1][..<32]))
  }

  @Test("Transactions that append at once get indexes without gaps, and one that fails leaves nothing")
  func concurrency() async throws {
    let fixture = try await AuditFixture.make()
    let log = fixture.log
    await withTaskGroup { group in
      for number in 0..<24 {
        group.addTask {
          _ = try? await fixture.pool.transaction { tx in
            let first = try log.append((0..<3).map { AuditFixture.entry($0) }, at: AuditFixture.time, in: tx)
            if number % 4 == 0 { throw CancellationError() }
            return first
          }
        }
      }
    }
    let result = try await fixture.verify()
    #expect(result.isIntact && result.size == 18 * 3)
  }

  @Test("Entries of many callers at once get an index each, and one that is refused is refused alone")
  func queue() async throws {
    let fixture = try await AuditFixture.make()
    let queue = AuditQueue(log: fixture.log, database: fixture.pool)
    let indexes = try await withThrowingTaskGroup { group in
      for number in 0..<700 {
        group.addTask { () -> Int64? in
          var entry = AuditFixture.entry(number)
          if number % 100 == 99 { entry.details["text"] = String(repeating: "x", count: 65_536) }
          do {
            return try await queue.append(entry, at: AuditFixture.time)
          } catch let error as AuditError where error.code == .tooLarge {
            return nil
          }
        }
      }
      return try await group.reduce(into: [Int64?]()) { $0.append($1) }
    }
    #expect(indexes.compactMap { $0 }.sorted() == Array(0..<693))
    #expect(indexes.count { $0 == nil } == 7)
    #expect(try await fixture.verify().isIntact)
  }

  @Test("A checkpoint of an unchanged log is the one signed before")
  func repeatedCheckpoint() async throws {
    let fixture = try await AuditFixture.make()
    try await fixture.append(2)
    let first = try await fixture.checkpoint()
    #expect(try await fixture.checkpoint() == first)
    try await fixture.append(1)
    #expect(try await fixture.checkpoint() != first)
  }

  @Test("Readable parts open, are gone with their row or key, and forgetting a person breaks no proof")
  func forgetting() async throws {
    let fixture = try await AuditFixture.make()
    let log = fixture.log
    let tenant = TenantID(rawValue: 1)
    let (alice, carol) = ([UInt8](repeating: 11, count: 16), [UInt8](repeating: 13, count: 16))
    let bobsKey = SecretBytes(random: 32)
    let entry = AuditEntry(
      tenant: tenant, actor: "dpo", action: "erasure.requested", object: "request/1",
      personal: ["requester": "Alice", "about": "Bob"],
      subjects: ["about": .init(SubjectID(rawValue: 12), key: bobsKey)],
      mentions: [.init(alice, part: "requester"), .init(carol)])
    @Sendable func parts(_ key: SecretBytes?, _ tx: borrowing Transaction) throws -> [String: AuditPart]? {
      try log.parts(of: log.entries(from: 0, limit: 1, in: tx), in: tx) { _ in key }[0]
    }
    try await fixture.pool.transaction { tx in
      try log.append([entry], at: AuditFixture.time, in: tx)
      #expect(
        try parts(bobsKey, tx) == [
          "actor": .readable("dpo"), "requester": .readable("Alice"), "about": .readable("Bob"),
        ])
      #expect(try parts(nil, tx)?["about"] == .erased)
      #expect(try parts(SecretBytes(random: 32), tx)?["about"] == .altered)
      #expect(try log.partCount(about: alice, tenant: TenantID(rawValue: 2), in: tx) == 0)
      #expect(try log.partCount(about: alice, tenant: tenant, in: tx) == 1)
      #expect(try log.partCount(about: carol, tenant: tenant, in: tx) == 0)
      #expect(try log.entries(about: carol, tenant: tenant, limit: 10, in: tx).entries.map(\.index) == [0])
      #expect(try log.eraseParts(about: alice, tenant: tenant, in: tx) == 1)
      #expect(try log.partCount(about: alice, tenant: tenant, in: tx) == 0)
      #expect(try parts(bobsKey, tx)?["requester"] == .erased)
    }
    #expect(try await fixture.verify().isIntact)
  }

  @Test("A readable part that was moved to another entry is reported as altered")
  func movedPart() async throws {
    let fixture = try await AuditFixture.make()
    let log = fixture.log
    try await fixture.append(2)
    try await fixture.execute(
      "UPDATE audit_personal SET sealed = (SELECT sealed FROM audit_personal WHERE entry_index = 1) WHERE entry_index = 0"
    )
    let parts = try await fixture.pool.transaction { tx in
      try log.parts(of: log.entries(from: 0, limit: 2, in: tx), in: tx) { _ in nil }
    }
    #expect(parts == [0: ["actor": .altered], 1: ["actor": .readable("dpo")]])
  }

  @Test("Entries of one tenant are listed apart, and one that is too large is refused")
  func listing() async throws {
    let fixture = try await AuditFixture.make()
    let log = fixture.log
    try await fixture.pool.transaction { tx in
      try log.append(
        [AuditFixture.entry(0), AuditFixture.entry(1, tenant: 2), AuditFixture.entry(2, tenant: nil)],
        at: AuditFixture.time, in: tx)
      #expect(try log.entries(from: 0, limit: 9, tenant: TenantID(rawValue: 2), in: tx).map(\.index) == [1])
      #expect(try log.entries(from: 1, limit: 1, in: tx).map(\.index) == [1])
      var large = AuditFixture.entry(3)
      large.details["text"] = String(repeating: "x", count: 65_536)
      #expect(throws: AuditError.self) { try log.append([large], at: AuditFixture.time, in: tx) }
    }
  }
}
