import Catalog
import Erasure
import Governance
import History
import Model
import Postgres
import Retention
import Testing

@Suite("What clients are told of deletions")
struct DeletionNoticeTests {
  private let talk = [
    Events.join("ann"), Events.join("ben"), Events.message("m1", "ann", "alpha words"),
    Events.message("m2", "ben", "beta words", day: 1), Events.message("m3", "ann", "gamma words", day: 2),
  ]

  private func told(_ house: ErasureHouse, after: Int64 = 0) async throws -> [DeletionNotice] {
    try await house.notices.read(after: after, limit: 100)
  }

  @Test(
    "Members' deletions, retention and erasures are told in order, with the platform's ids",
    arguments: [false, true])
  func told(isCold: Bool) async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(talk)
      if isCold { try await house.archive() }
      try await house.deliver([Events.delete("m2", "ben", day: 3)])
      _ = try await house.erasure.run(try await house.approved("ann"), actor: "dpo")
      let notices = try await told(house)
      #expect(notices.map(\.sequence) == [1, 2, 3])
      #expect(notices.first?.message == "m2")
      #expect(Set(notices.dropFirst().map(\.message)) == ["m1", "m3"])
      #expect(notices.allSatisfy { $0.conversation == "c" })
      #expect(notices.first?.createdAt == ErasureHouse.start.adding(seconds: ErasureHouse.day))
    }
  }

  @Test("Retention tells of each message once, and not of those that were hidden before")
  func retention() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(talk)
      let hold = try await house.hold(HoldRequest(matter: "M", conversations: ["c"], reason: "r"))
      try await house.deliver([Events.delete("m1", "ann", day: 3)])
      #expect(try await told(house).map(\.message) == ["m1"])
      try await house.release(hold)
      house.advance(days: 40)
      try await house.set(.init(name: "short", deleteAfter: RetentionLengths.month))
      _ = try await house.retention.apply(actor: "night")
      #expect(try await house.states(["m1", "m2", "m3"]).allSatisfy { $0 != .live })
      let notices = try await told(house)
      #expect(notices.count == 3 && Set(notices.map(\.message)) == ["m1", "m2", "m3"])
      #expect(try await told(house, after: 1).count == 2)
    }
  }

  @Test(
    "A transaction that deletes nothing tells nothing, and what an erased person's notices say goes once delivered"
  )
  func erased() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(talk)
      try await house.deliver([Events.delete("m3", "ann", day: 3)])
      let tenant = house.tenant.id
      let (now, rows) = (house.now, "SELECT count(*) FROM deletion_notice")
      try await house.database.transaction { tx in
        try DeletionOutbox.acknowledge(upTo: 1, tenant: tenant, at: now, in: tx)
      }
      #expect(try await house.count(rows) == 1)
      let certificate = try await house.erasure.run(try await house.approved("ann"), actor: "dpo")
      // What was delivered before went with the person; what is to be told of the erasure waits.
      #expect(try await told(house).map(\.message) == ["m1"])
      #expect(try certificate.statement().remains.contains { $0.ground.contains("Art. 19") })
      try await house.database.transaction { tx in
        try DeletionOutbox.acknowledge(upTo: 2, tenant: tenant, at: now, in: tx)
      }
      #expect(try await house.count(rows) == 0)
      #expect(try await house.erasure.verify(try await house.erasure.list()[0].id).isEmpty)
    }
  }

  @Test("Notices expire with their days, and the days' keys with them")
  func expired() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver(talk)
      try await house.deliver([Events.delete("m1", "ann", day: 3)])
      #expect(try await told(house).count == 1)
      house.advance(days: 10)
      try await house.retention.sweepNotices(before: house.now.adding(seconds: -7 * ErasureHouse.day))
      #expect(
        try await house.count("SELECT count(*) FROM deletion_notice") == 1,
        "it was told by the real clock's day")
      let later = Timestamp(microseconds: house.realNow.microseconds + 2 * 86_400_000_000)
      try await house.retention.sweepNotices(before: later)
      #expect(try await told(house).isEmpty)
      #expect(try await house.count("SELECT count(*) FROM deletion_notice") == 0)
      #expect(try await house.count("SELECT expired FROM deletion_outbox") == 1)
    }
  }
}

private enum RetentionLengths {
  static var month: RetentionLength? { RetentionLength("30d") }
}
