import AuditLog
import Catalog
import Erasure
import Foundation
import History
import Ingestion
import Model
import Postgres
import Runtime
import Search
import SearchIndex
import Testing

@Suite("What deletions leave in the index's files")
struct IndexTraceTests {
  /// Words of their own, long enough not to occur by chance.
  private static func secret(_ of: String) -> String { "secret-\(of)-9f31c7a2" }
  private static func blinded(_ of: String) -> [UInt8] { Array("\(of)blindedtoken".utf8.prefix(8)) }

  private static func message(_ id: String, by sender: String, second: Int) -> [IngestItem] {
    var sealed = IndexHouse.message("\(id)-blind", in: "sealed", by: sender, second: second, [])
    if case .messageCreated(var created) = sealed.event {
      created.payload.tokens = TokenSet(mode: .blinded, set: [blinded(id)])
      sealed.event = .messageCreated(created)
    }
    return [IndexHouse.message(id, in: "open", by: sender, second: second, ["shared", secret(id)]), sealed]
  }

  @Test("Deleted, expired and erased messages' tokens leave every file, kept ones' stay")
  func traces() async throws {
    let house = try await IndexHouse()
    let all = ["kept", "deleted", "expired", "person"]
    for (place, id) in all.enumerated() {
      try await house.store(Self.message(id, by: id == "person" ? "person" : "kim", second: place))
    }
    #expect(try await house.application.followFeedPatiently())
    // In a sealed generation, in which nothing is ever overwritten.
    _ = try await house.application.run(.indexCompact, actor: "test")
    for id in all { #expect(try Self.isThere(id, house), "the scan finds nothing of \(id)") }
    try await delete(1, .deletedByMember, house)
    try await delete(2, .retention, house)
    #expect(try await house.application.followFeedPatiently())
    #expect(try Self.isThere("deleted", house), "nothing has rewritten the files yet")
    try await erase(house)
    #expect(try !Self.isThere("person", house))
    _ = try await house.application.run(.indexCompact, actor: "test")
    for id in ["deleted", "expired", "person"] { #expect(try !Self.isThere(id, house), "\(id)") }
    #expect(try Self.isThere("kept", house))
    #expect(try await house.count("shared") == 1)
    await house.application.close()
  }

  @Test("An erasure rewrites the groups the person wrote in, and no other")
  func untouched() async throws {
    let house = try await IndexHouse()
    var items: [IngestItem] = []
    for number in 0..<20 {
      items.append(IndexHouse.message("m\(number)", in: "c\(number)", second: number, ["x"]))
    }
    items.append(IndexHouse.message("p", in: "c0", by: "person", second: 99, ["x"]))
    try await house.store(items)
    #expect(try await house.application.followFeedPatiently())
    let own = try #require(
      try await house.locators().first { $0.position.createdAt == IndexHouse.day.adding(seconds: 99) })
    let others = (0..<house.groups).filter { $0 != house.group(own) }
    #expect(!others.isEmpty)
    let before = try others.map { try Self.state($0, house) }
    try await erase(house)
    let after = try others.map { try Self.state($0, house) }
    #expect(after == before)
    await house.application.close()
  }

  private func delete(_ second: Int, _ reason: DeletionReason, _ house: IndexHouse) async throws {
    let time = IndexHouse.day.adding(seconds: Int64(second))
    let tenant = house.directory.tenant.id
    for locator in try await house.locators() where locator.position.createdAt == time {
      let group = Int16(house.group(locator))
      try await house.application.database.transaction { tx in
        _ = try Deletions.delete([locator.key], for: reason, tenant: tenant, at: Application.clock(), in: tx)
        try Feed.append(.removed, locator.key, group: group, in: tx)
      }
    }
  }

  private func erase(_ house: IndexHouse) async throws {
    let service = house.application.erasure(house.directory)
    let id = try await service.request(subject: "person", reason: "wish", actor: "officer").id
    _ = try await service.plan(id)
    try await service.approve(id, actor: "other")
    _ = try await service.run(id, actor: "officer")
  }

  private static func isThere(_ id: String, _ house: IndexHouse) throws -> Bool {
    let needles = [Data(secret(id).utf8), Data(blinded(id))]
    let found = try needles.map { needle in try files(house).contains { $0.range(of: needle) != nil } }
    #expect(Set(found).count == 1, "plain and blinded tokens of \(id) differ")
    return found[0]
  }

  private static func files(_ house: IndexHouse) throws -> [Data] {
    let root = house.application.settings.home + "/index"
    return try FileManager.default.subpathsOfDirectory(atPath: root).compactMap {
      FileManager.default.contents(atPath: "\(root)/\($0)")
    }
  }

  /// Names and contents of a group's files.
  private static func state(_ group: Int, _ house: IndexHouse) throws -> [String: Data] {
    let root = house.application.settings.home + "/index/group-0\(group)"
    var state: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: root) {
      state[name] = FileManager.default.contents(atPath: "\(root)/\(name)")
    }
    return state
  }
}
