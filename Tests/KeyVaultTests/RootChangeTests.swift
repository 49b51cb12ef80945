import Foundation
import Model
import Sodium
import Testing

@testable import KeyVault

@Suite("Changing the root key")
struct RootChangeTests {
  private struct Crash: Error {}

  private static func files(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
  }

  private static func root(_ fixture: VaultFixture) throws -> String {
    try String(contentsOfFile: fixture.path("root.key"), encoding: .utf8)
  }

  @Test("All keys, signatures and hashes are the same after it, and the old root key opens nothing")
  func change() async throws {
    let fixture = try await VaultFixture.make()
    let owners = VaultFixture.subjects(1..<40)
    let before = try fixture.vault()
    let keys = try await before.keys(owners, creating: true).texts
    let (old, files) = (try Self.root(fixture), try fixture.files())
    for _ in 0..<2 { #expect(try KeyVault.changeRoot(directory: fixture.directory, from: .file) == .done) }
    #expect(try Self.root(fixture) != old)
    #expect(Set(try fixture.files()) == Set(files + ["base.key"]))
    let after = try fixture.vault()
    #expect(try await after.keys(owners, creating: false).texts == keys)
    #expect(after.signingKey("audit").publicKey == before.signingKey("audit").publicKey)
    #expect(after.derivedKey("audit").copiedBytes == before.derivedKey("audit").copiedBytes)
    #expect(
      after.hasher(VaultFixture.tenant).hash("subject", "kim")
        == before.hasher(VaultFixture.tenant).hash("subject", "kim"))
    // Rotation still works under the new key.
    #expect(try await fixture.destroy([VaultFixture.subject(1)]) == 1)
    #expect(try await after.rotate(now: VaultFixture.time, backupWindowSeconds: 0).keysRewrapped > 0)
    try old.write(toFile: fixture.path("root.key"), atomically: true, encoding: .utf8)
    chmod(fixture.path("root.key"), 0o600)
    let error = try #require(throws: KeyVaultError.self) { try fixture.vault() }
    #expect(error.code == .notAuthentic)
  }

  @Test(
    "A crash at any step leaves a keystore that opens, and another try ends the change",
    arguments: RootStep.allCases)
  func crash(step: RootStep) async throws {
    for hit in [1, 9] {
      let fixture = try await VaultFixture.make()
      let owners = VaultFixture.subjects(1..<40)
      let keys = try await fixture.vault().keys(owners, creating: true).texts
      var count = 0
      let crashed =
        (try? KeyVault.changeRoot(directory: fixture.directory, from: .file) { reached in
          guard reached == step else { return }
          count += 1
          if count == hit { throw Crash() }
        }) == nil
      #expect(crashed || hit > 1)
      #expect(try await fixture.vault().keys(owners, creating: false).texts == keys)
      // Whoever changes a shard meanwhile is not undone by what had been prepared.
      #expect(try await fixture.destroy([VaultFixture.subject(1)]) == 1)
      _ = try await fixture.vault().rotate(now: VaultFixture.time, backupWindowSeconds: 0)
      #expect(try KeyVault.changeRoot(directory: fixture.directory, from: .file) == .done)
      let rest = keys.filter { $0.key != VaultFixture.subject(1) }
      #expect(try await fixture.vault().keys(VaultFixture.subjects(2..<40), creating: false).texts == rest)
      #expect(try fixture.files().filter { $0.hasSuffix(".next") || $0.hasSuffix(".old") } == [])
    }
  }

  @Test(
    "A key from another command waits until the command is the source, and whatever changed meanwhile undoes it"
  )
  func command() async throws {
    let fixture = try await VaultFixture.make()
    let owners = VaultFixture.subjects(1..<20)
    let keys = try await fixture.vault().keys(owners, creating: true).texts
    let words = ["echo", String(repeating: "5a", count: 32)]
    #expect(try KeyVault.changeRoot(directory: fixture.directory, from: .file, to: words) == .waiting)
    #expect(try await fixture.vault().keys(owners, creating: false).texts == keys)
    #expect(try await fixture.destroy([VaultFixture.subject(1)]) == 1)
    _ = try await fixture.vault().rotate(now: VaultFixture.time, backupWindowSeconds: 0)
    func open() throws -> KeyVault {
      try KeyVault(directory: fixture.directory, database: fixture.pool, root: .command(words))
    }
    #expect(throws: KeyVaultError.self) { try open() }
    #expect(try KeyVault.changeRoot(directory: fixture.directory, from: .file, to: words) == .waiting)
    let rest = keys.filter { $0.key != VaultFixture.subject(1) }
    #expect(try await open().keys(VaultFixture.subjects(2..<20), creating: false).texts == rest)
    #expect(throws: KeyVaultError.self) { try fixture.vault() }
    #expect(throws: KeyVaultError.self) {
      try KeyVault.changeRoot(directory: fixture.directory, from: .command(words), to: words)
    }
  }

  @Test(
    "A process that had the keystore open while the root key was changed writes nothing under the old one")
  func running() async throws {
    let fixture = try await VaultFixture.make()
    let running = try fixture.vault()
    _ = try await running.keys(VaultFixture.subjects(1..<20), creating: true)
    #expect(try KeyVault.changeRoot(directory: fixture.directory, from: .file) == .done)
    #expect(try await fixture.destroy([VaultFixture.subject(1)]) == 1)
    await #expect(throws: (any Error).self) {
      try await running.rotate(now: VaultFixture.time, backupWindowSeconds: 0)
    }
    #expect(
      try await fixture.vault().rotate(now: VaultFixture.time, backupWindowSeconds: 0).keysRewrapped > 0)
  }
}
