import Foundation
import Model
import Postgres
import Sodium
import Synchronization
import Testing

@testable import KeyVault

struct KeyRotationTests {
  private static let day: Int64 = 86_400
  private static let window = 30 * day
  private static let survivors = VaultFixture.subjects(1..<120)

  @Test("A rotation moves the survivors, and the old KEK goes after the backup window")
  func rotation() async throws {
    let fixture = try await VaultFixture.make()
    let vault = try fixture.vault()
    let kept = try await vault.keys(Self.survivors, creating: true)
    let gone = VaultFixture.subject(0)
    let shard = Int(KeyPlace(gone).shard)
    _ = try await vault.keys([gone], creating: true)
    let idle = try await rotate(vault, days: 0)
    #expect(idle == RotationReport())

    #expect(try await fixture.destroy([gone]) == 1)
    #expect(try await fixture.destroy([gone]) == 0)
    vault.forget([gone])
    #expect(try await vault.keys([gone], creating: false).isEmpty)
    #expect(try await pendingDates(vault) == [nil])

    let due = try await vault.rotationDue(now: Self.time(days: 1), backupWindowSeconds: Self.window)
    let first = try await rotate(vault, days: 1)
    #expect(due == first && first.hasChanges && !idle.hasChanges)
    let moved = Self.survivors.filter { KeyPlace($0).shard == shard }.count
    #expect(
      first.epochsAdded == 1 && first.keysRewrapped == moved && first.keksRetired == 1
        && first.keksErased == 0)
    let status = try await vault.status()
    #expect(status.keys[.subject] == kept.count && status.pendingCount == 1 && status.completedCount == 0)
    #expect(status.shards[shard].epoch == 2 && status.shards[shard].retired.map(\.epoch) == [1])
    #expect(try await pendingDates(vault) == [Self.time(days: 1)])

    #expect(try await rotate(vault, days: 30).keksErased == 0)
    let last = try await rotate(vault, days: 31)
    #expect(last.keksErased == 1 && last.destructionsCompleted == 1 && last.epochsAdded == 0)
    #expect(try await vault.status().pendingCount == 0)
    #expect(try await vault.destructions(of: [gone]).map(\.kekDestroyedAt) == [Self.time(days: 31)])
    #expect(try await fixture.vault().keys(Self.survivors, creating: false).texts == kept.texts)
  }

  @Test("After the window neither the database of before nor the keystore gives a destroyed key back")
  func beyondRecovery() async throws {
    let fixture = try await VaultFixture.make()
    let vault = try fixture.vault()
    let gone = VaultFixture.subject(0)
    _ = try await vault.keys(Self.survivors.union([gone]), creating: true)
    // The backup: all that the database ever knew of the key.
    try await fixture.execute("CREATE TABLE backup AS SELECT * FROM wrapped_key")
    #expect(try await fixture.destroy([gone]) == 1)
    let report = try await vault.rotate(now: Self.time(days: 0), backupWindowSeconds: 0)
    #expect(report.keksRetired == 1 && report.keksErased == 1 && report.destructionsCompleted == 1)
    try await fixture.execute("DELETE FROM wrapped_key; INSERT INTO wrapped_key SELECT * FROM backup")
    let error = await #expect(throws: KeyVaultError.self) {
      try await fixture.vault().keys([gone], creating: false)
    }
    #expect(error?.code == .keystoreBehind)
    // What the keystore replaced is not left beside it.
    #expect(try fixture.files() == (0..<16).map { ShardKeys.name($0) } + ["keystore", "lock", "root.key"])
  }

  @Test(
    "A crash at any step of a rotation loses no key, and the next run finishes it",
    arguments: VaultStep.allCases, [0, Self.window])
  func crash(step: VaultStep, window: Int64) async throws {
    let fixture = try await VaultFixture.make()
    let vault = try fixture.vault()
    let kept = try await vault.keys(Self.survivors, creating: true)
    let gone = [VaultFixture.subject(1_000), VaultFixture.subject(1_001), VaultFixture.subject(1_002)]
    _ = try await vault.keys(Set(gone), creating: true)
    #expect(try await fixture.destroy(gone) == 3)

    let crashes = Atomic<Int>(0)
    // Crashes the first time, then the second time the step is reached, and so on, until it is not reached.
    for occasion in 1...40 {
      let seen = Atomic<Int>(0)
      let crashing = try fixture.vault { reached in
        guard reached == step else { return }
        guard seen.add(1, ordering: .relaxed).newValue != occasion else {
          crashes.add(1, ordering: .relaxed)
          throw CancellationError()
        }
      }
      do {
        _ = try await crashing.rotate(now: Self.time(days: 1), backupWindowSeconds: window)
        break
      } catch is CancellationError {
        let reopened = try fixture.vault()
        #expect(try await reopened.keys(Self.survivors, creating: false).texts == kept.texts)
        #expect(try await reopened.keys(Set(gone), creating: false).isEmpty)
        // Life goes on between the crash and the next run.
        #expect(
          try await reopened.keys([VaultFixture.subject(2_000 + Int64(occasion))], creating: true).count == 1)
      }
    }
    let last = try fixture.vault()
    _ = try await last.rotate(now: Self.time(days: 1), backupWindowSeconds: window)
    #expect(crashes.load(ordering: .relaxed) > 0 || (step == .epochErased && window > 0))
    #expect(try await last.status().pendingCount == (window == 0 ? 0 : 3))
    let erased = try await last.rotate(now: Self.time(days: 40), backupWindowSeconds: window)
    #expect(erased.epochsAdded == 0)
    let status = try await last.status()
    #expect(status.pendingCount == 0 && status.completedCount == 3)
    #expect(status.shards.allSatisfy { $0.retired.isEmpty && !$0.isRestored })
    #expect(try await fixture.vault().keys(Self.survivors, creating: false).texts == kept.texts)
    #expect(try !fixture.files().contains { $0.hasSuffix(".old") })
  }

  @Test("Rotations, creations and destructions at once lose nothing")
  func concurrency() async throws {
    let fixture = try await VaultFixture.make()
    let kept = try await fixture.vault().keys(Self.survivors, creating: true)
    try await withThrowingTaskGroup { group in
      for worker in Int64(0)..<3 {
        let vault = try fixture.vault(trust: .zero)
        group.addTask {
          for round in Int64(0)..<6 {
            let owners = VaultFixture.subjects(
              (1_000 + worker * 100 + round * 10)..<(1_010 + worker * 100 + round * 10))
            let made = try await vault.keys(owners, creating: true)
            #expect(made.count == 10)
            #expect(try await fixture.destroy(Array(owners)) == 10)
          }
        }
      }
      for _ in 0..<2 {
        let vault = try fixture.vault(trust: .zero)
        group.addTask {
          for round in Int64(0)..<4 {
            _ = try await vault.rotate(now: Self.time(days: round), backupWindowSeconds: Self.day)
          }
        }
      }
      try await group.waitForAll()
    }
    let vault = try fixture.vault()
    for day in [50, 100] as [Int64] { _ = try await rotate(vault, days: day) }
    let status = try await vault.status()
    #expect(status.pendingCount == 0 && status.completedCount == 180)
    #expect(try await vault.keys(Self.survivors, creating: false).texts == kept.texts)
  }

  @Test("Many keys are re-wrapped in batches")
  func batches() async throws {
    let fixture = try await VaultFixture.make()
    let vault = try fixture.vault()
    let count = Atomic<Int>(0)
    let counting = try fixture.vault { if $0 == .batchRewrapped { count.add(1, ordering: .relaxed) } }
    let owners = (Int64(0)..<20_000).map(VaultFixture.subject).filter { KeyPlace($0).shard == 5 }.prefix(
      1_002)
    let kept = try await vault.keys(Set(owners.dropFirst()), creating: true)
    _ = try await vault.keys([owners[0]], creating: true)
    #expect(try await fixture.destroy([owners[0]]) == 1)
    let report = try await counting.rotate(now: VaultFixture.time, backupWindowSeconds: 0)
    #expect(report.keysRewrapped == 1_001 && count.load(ordering: .relaxed) == 2)
    #expect(try await fixture.vault().keys(Set(owners), creating: false).texts == kept.texts)
  }

  @Test(
    "A database restored from a backup makes keys that last, and waits for the replay before it is rotated")
  func restoredDatabase() async throws {
    let fixture = try await VaultFixture.make()
    let vault = try fixture.vault()
    let gone = VaultFixture.subject(0)
    let shard = Int(KeyPlace(gone).shard)
    let old = try await vault.keys(Self.survivors.union([gone]), creating: true)
    try await fixture.execute(
      "CREATE TABLE backup AS SELECT * FROM wrapped_key; CREATE TABLE backup_shard AS SELECT * FROM key_shard"
    )
    #expect(try await fixture.destroy([gone]) == 1)
    _ = try await rotate(vault, days: 0)
    try await fixture.execute(
      """
      DELETE FROM wrapped_key; INSERT INTO wrapped_key SELECT * FROM backup; DELETE FROM key_destruction;
      DELETE FROM key_shard; INSERT INTO key_shard SELECT * FROM backup_shard;
      """)
    let restored = try fixture.vault()
    #expect(try await restored.keys([gone], creating: false).texts == [gone: old.texts[gone]!])
    let report = try await rotate(restored, days: 40)
    #expect(report.restoredShards == [shard] && report.keksErased == 0)
    #expect(try await restored.status().shards[shard].isRestored)
    #expect(try await restored.restoredShards() == [shard])
    let new = (Int64(3_000)..<4_000).map(VaultFixture.subject).first { KeyPlace($0).shard == shard }!
    let made = try await restored.keys([new], creating: true)

    #expect(try await fixture.destroy([gone], at: Self.time(days: 40)) == 1)
    let replayed = try await restored.rotate(
      now: Self.time(days: 40), backupWindowSeconds: Self.window, afterReplay: true)
    #expect(replayed.restoredShards.isEmpty && replayed.keksErased == 1)
    let after = try fixture.vault()
    #expect(try await after.keys([new], creating: false).texts == made.texts)
    #expect(try await after.keys([gone], creating: false).isEmpty)
    let survivors = try await after.keys(Self.survivors, creating: false)
    #expect(survivors.texts == old.texts.filter { $0.key != gone })
    #expect(try await after.destructions(of: [gone]).map(\.kekDestroyedAt) == [Self.time(days: 40)])
  }

  @Test("A keystore older than the database is refused, not written to")
  func olderKeystore() async throws {
    let fixture = try await VaultFixture.make()
    let vault = try fixture.vault()
    let gone = VaultFixture.subject(0)
    let name = ShardKeys.name(KeyPlace(gone).shard)
    _ = try await vault.keys([gone], creating: true)
    try FileManager.default.copyItem(atPath: fixture.path(name), toPath: fixture.path("backup"))
    #expect(try await fixture.destroy([gone]) == 1)
    _ = try await rotate(vault, days: 0)
    try FileManager.default.removeItem(atPath: fixture.path(name))
    try FileManager.default.moveItem(atPath: fixture.path("backup"), toPath: fixture.path(name))
    let reopened = try fixture.vault()
    for action in [
      { _ = try await reopened.keys([gone], creating: true) },
      { _ = try await self.rotate(reopened, days: 1) },
    ] as [() async throws -> Void] {
      let error = await #expect(throws: KeyVaultError.self) { try await action() }
      #expect(error?.code == .keystoreBehind && error?.description.contains(name) == true)
    }
  }

  private static func time(days: Int64) -> Timestamp { VaultFixture.time.adding(seconds: days * day) }

  private func rotate(_ vault: KeyVault, days: Int64) async throws -> RotationReport {
    try await vault.rotate(now: Self.time(days: days), backupWindowSeconds: Self.window)
  }

  private func pendingDates(_ vault: KeyVault) async throws -> [Timestamp?] {
    try await vault.status().pending.map(\.kekRetiredAt)
  }
}
