import Model
import Postgres
import Sodium
import Synchronization
import Testing

@testable import KeyVault

struct KeyVaultTests {
  @Test("Keys are made once, are the same after a restart, and are absent where none was made")
  func keys() async throws {
    let fixture = try await VaultFixture.make()
    let owners: Set<KeyOwner> = [
      VaultFixture.subject(1), .conversation(VaultFixture.tenant, ConversationID(rawValue: 1)),
      .period(VaultFixture.tenant, -1, Period(containing: VaultFixture.time)),
      .matter(VaultFixture.tenant, 1),
      .request(VaultFixture.tenant, 1), .subject(TenantID(rawValue: 2), SubjectID(rawValue: 1)),
    ]
    let vault = try fixture.vault()
    #expect(try await vault.keys(owners, creating: false).isEmpty)
    let made = try await vault.keys(owners, creating: true)
    #expect(made.count == owners.count && Set(made.texts.values).count == owners.count)
    #expect(try await vault.keys(owners, creating: true).texts == made.texts)
    #expect(try await fixture.vault().keys(owners, creating: false).texts == made.texts)
    #expect(try await fixture.vault().keys([VaultFixture.subject(2)], creating: false).isEmpty)
  }

  @Test("The place of an owner never changes, and leads back to it")
  func places() {
    for number in Int64(0)..<200 {
      let place = KeyPlace(VaultFixture.subject(number))
      #expect(place.owner == VaultFixture.subject(number) && (0..<16).contains(place.shard))
    }
    let period = KeyOwner.period(VaultFixture.tenant, -3, Period(rawValue: 24_300))
    #expect(KeyPlace(period).owner == period)
    // Changing these would lose every key there is.
    let shards = (0..<8).map { KeyPlace(VaultFixture.subject($0)).shard }
    #expect(shards == [2, 4, 5, 14, 14, 6, 0, 13])
  }

  @Test("Vaults that make the same keys at once agree on them")
  func concurrentCreation() async throws {
    let fixture = try await VaultFixture.make()
    let results = try await withThrowingTaskGroup { group in
      for offset in Int64(0)..<6 {
        let vault = try fixture.vault()
        group.addTask {
          try await vault.keys(VaultFixture.subjects(offset * 20..<(offset * 20 + 150)), creating: true).texts
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    let stored = try await fixture.vault().keys(VaultFixture.subjects(0..<300), creating: false).texts
    for result in results { for (owner, text) in result { #expect(stored[owner] == text) } }
  }

  @Test("Fifty thousand keys are made in one go", .timeLimit(.minutes(10)))
  func bulk() async throws {
    let fixture = try await VaultFixture.make()
    let vault = try fixture.vault(ownersMax: 100_000)
    let made = try await vault.keys(VaultFixture.subjects(0..<50_000), creating: true)
    #expect(made.count == 50_000)
  }

  @Test("Lanes need all three keys, differ by each, and change when one is made anew")
  func lanes() async throws {
    let fixture = try await VaultFixture.make()
    let vault = try fixture.vault()
    let period = Period(containing: VaultFixture.time)
    func lane(_ subject: Int64, _ conversation: Int64, _ retentionClass: Int16 = 0) -> LaneID {
      LaneID(
        tenant: VaultFixture.tenant, subject: SubjectID(rawValue: subject),
        conversation: ConversationID(rawValue: conversation), retentionClass: retentionClass, period: period)
    }
    let ids: Set = [lane(1, 1), lane(1, 2), lane(2, 1), lane(1, 1, 1)]
    #expect(try await vault.lanes(ids, creating: false).isEmpty)
    let lanes = try await vault.lanes(ids, creating: true)
    #expect(Set(lanes.values.map(\.secret.copiedBytes)).count == 4)
    let sealed = lanes[lane(1, 1)]!.seal([1, 2, 3], additional: [9])
    let again = try await fixture.vault().lanes(ids, creating: false)
    #expect(try again[lane(1, 1)]!.open(sealed, additional: [9]) == [1, 2, 3])
    #expect(throws: CryptographyError.self) { try again[lane(1, 2)]!.open(sealed, additional: [9]) }
    #expect(throws: CryptographyError.self) { try again[lane(1, 1)]!.open(sealed, additional: []) }
    #expect(try await fixture.pool.transaction { tx in try vault.alive(lanes, in: tx) })

    #expect(try await fixture.destroy([VaultFixture.subject(1)]) == 1)
    #expect(try await !fixture.pool.transaction { tx in try vault.alive(lanes, in: tx) })
    vault.forget([VaultFixture.subject(1)])
    #expect(try await vault.lanes(ids, creating: false).keys.map(\.subject.rawValue) == [2])
    let renewed = try await vault.lanes(ids, creating: true)
    #expect(throws: CryptographyError.self) { try renewed[lane(1, 1)]!.open(sealed, additional: [9]) }
    #expect(renewed[lane(2, 1)]!.secret.copiedBytes == lanes[lane(2, 1)]!.secret.copiedBytes)
    #expect(try await !fixture.pool.transaction { tx in try vault.alive(lanes, in: tx) })
    #expect(try await fixture.pool.transaction { tx in try vault.alive(renewed, in: tx) })
  }

  @Test("What another process destroyed is not alive at once and not handed out after the trust ran out")
  func destroyedElsewhere() async throws {
    let fixture = try await VaultFixture.make()
    let owner = VaultFixture.subject(1)
    let (trusting, careful) = (try fixture.vault(), try fixture.vault(trust: .zero))
    let first = try await trusting.keys([owner], creating: true)
    #expect(try await careful.keys([owner], creating: false).texts == first.texts)
    #expect(try await fixture.alive([owner], trusting))
    #expect(try await fixture.destroy([owner]) == 1)
    #expect(try await careful.keys([owner], creating: false).isEmpty)
    #expect(try await trusting.keys([owner], creating: false).count == 1)
    #expect(try await !fixture.alive([owner], trusting))
    // A key made anew does not make the old one alive again.
    let second = try await careful.keys([owner], creating: true)
    #expect(second.texts != first.texts)
    #expect(try await !fixture.alive([owner], trusting))
    trusting.forget([owner])
    #expect(try await trusting.keys([owner], creating: false).texts == second.texts)
    #expect(try await fixture.alive([owner], trusting))
  }

  @Test("A key that is held is told from one that is made for the same owner later")
  func heldKey() async throws {
    let fixture = try await VaultFixture.make()
    let (owner, vault) = (VaultFixture.subject(1), try fixture.vault())
    let none = try await vault.key(of: owner)
    #expect(none == nil)
    _ = try await vault.keys([owner], creating: true)
    let first = try #require(try await vault.key(of: owner))
    #expect(try await fixture.pool.transaction { tx in try vault.alive(first, in: tx) })
    #expect(try await fixture.destroy([owner]) == 1)
    vault.forget([owner])
    _ = try await vault.keys([owner], creating: true)
    let second = try #require(try await vault.key(of: owner))
    #expect(second.secret.copiedBytes != first.secret.copiedBytes)
    // Asked of what was handed out last, the answer would be another.
    #expect(try await fixture.alive([owner], vault))
    #expect(try await !fixture.pool.transaction { tx in try vault.alive(first, in: tx) })
    #expect(try await fixture.pool.transaction { tx in try vault.alive(second, in: tx) })
  }

  @Test("A destruction waits for a transaction that found the key alive")
  func aliveBlocksDestruction() async throws {
    let fixture = try await VaultFixture.make()
    let owner = VaultFixture.subject(1)
    let vault = try fixture.vault()
    _ = try await vault.keys([owner], creating: true)
    let (wasAlive, waited, destruction) = try await fixture.pool.transaction { tx in
      let isAlive = try vault.alive([owner], in: tx)
      let destruction = Task { try await fixture.destroy([owner]) }
      // The lock tables are read as they are at the moment, not as of the transaction's start.
      var waits = false
      for _ in 0..<1_000 where !waits {
        waits = try tx.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted), pg_sleep(0.005)")
          .bool(0, 0)
      }
      return (isAlive, waits, destruction)
    }
    #expect(wasAlive && waited)
    #expect(try await destruction.value == 1)
    #expect(try await !fixture.alive([owner], vault))
  }

  @Test("A wrapped key that was changed or moved to another owner is refused")
  func alteredRows() async throws {
    let fixture = try await VaultFixture.make()
    // Two owners of one shard, so that only the place differs.
    let owners = (Int64(0)..<100).map(VaultFixture.subject).filter { KeyPlace($0).shard == 0 }.prefix(2)
    _ = try await fixture.vault().keys(Set(owners), creating: true)
    let low = owners.map { KeyPlace($0).low }
    try await fixture.execute(
      "UPDATE wrapped_key SET wrapped = (SELECT wrapped FROM wrapped_key WHERE id_low = \(low[0])) WHERE id_low = \(low[1])"
    )
    let vault = try fixture.vault()
    #expect(try await vault.keys([owners[0]], creating: false).count == 1)
    let error = await #expect(throws: KeyVaultError.self) {
      try await vault.keys([owners[1]], creating: true)
    }
    #expect(error?.code == .notAuthentic)
  }

  @Test("The caches stay within their bounds")
  func bounds() async throws {
    let fixture = try await VaultFixture.make()
    let vault = try fixture.vault(ownersMax: 10, lanesMax: 10)
    for count in [10, 11, 50] {
      _ = try await vault.keys(VaultFixture.subjects(0..<Int64(count)), creating: true)
      #expect(vault.cache.withLock { $0.owners.count } <= 10)
    }
    #expect(try await vault.keys(VaultFixture.subjects(0..<50), creating: false).count == 50)
    var cache = BoundedCache<Int, Int>(limit: 4)
    for number in 0..<4 { cache[number] = number }
    cache[3] = 30
    #expect(cache.count == 4)
    cache[4] = 4
    #expect(cache.count == 3 && cache[4] == 4)
  }

  @Test("Hashes and derived keys depend on root, tenant, domain and text alone")
  func derived() async throws {
    let fixture = try await VaultFixture.make()
    let other = try await VaultFixture.make()
    let (vault, reopened, foreign) = (try fixture.vault(), try fixture.vault(), try other.vault())
    let hasher = vault.hasher(VaultFixture.tenant)
    #expect(hasher.hash("subject", "alice") == reopened.hasher(VaultFixture.tenant).hash("subject", "alice"))
    #expect(hasher.hash("subject", "alice").count == 16)
    let others = [
      hasher.hash("subject", "bob"), hasher.hash("conversation", "alice"), hasher.hash("subjecta", "lice"),
      vault.hasher(TenantID(rawValue: 2)).hash("subject", "alice"),
      foreign.hasher(VaultFixture.tenant).hash("subject", "alice"),
    ]
    #expect(!others.contains(hasher.hash("subject", "alice")))
    #expect(
      hasher.messageKey("m1") == hasher.messageKey("m1") && hasher.messageKey("m1") != hasher.messageKey("m2")
    )
    #expect(hasher.route("c1").rawValue == hasher.number("route", "c1"))
    #expect(vault.signingKey("audit").publicKey == reopened.signingKey("audit").publicKey)
    #expect(vault.signingKey("audit").publicKey != vault.signingKey("certificate").publicKey)
    #expect(vault.derivedKey("a").copiedBytes == reopened.derivedKey("a").copiedBytes)
    #expect(vault.derivedKey("a").copiedBytes != vault.derivedKey("b").copiedBytes)
    #expect(vault.derivedKey("a").copiedBytes != foreign.derivedKey("a").copiedBytes)
  }
}
