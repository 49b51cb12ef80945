import Foundation
import Sodium
import Testing

@testable import KeyVault

/// A token in software.
enum SoftToken {
  static let module = "/usr/lib/softhsm/libsofthsm2.so"
  static var isInstalled: Bool {
    [module, "/usr/bin/softhsm2-util", "/usr/bin/pkcs11-tool"].allSatisfy {
      FileManager.default.isReadableFile(atPath: $0)
    }
  }
}

/// The recipe of `Operations`: the root key sealed under a key that never leaves a PKCS#11 token, here SoftHSM's.
@Suite(
  "A root key behind PKCS#11",
  .enabled(if: SoftToken.isInstalled, "softhsm2 or opensc is not installed: PKCS#11 is NOT tested"))
struct TokenRootTests {
  private let home: String
  private let iv = Randomness.bytes(16).hex

  /// A token with an AES key that cannot be read out of it.
  init() throws {
    home = try TestHomes.make()
    try FileManager.default.createDirectory(atPath: home + "/tokens", withIntermediateDirectories: true)
    try "directories.tokendir = \(home)/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
      .write(toFile: home + "/softhsm2.conf", atomically: true, encoding: .utf8)
    try run([
      "softhsm2-util", "--init-token", "--free", "--label", "t", "--so-pin", "12345678", "--pin", "1234",
    ])
    try run(
      tool + ["--keygen", "--key-type", "AES:32", "--id", "01", "--label", "muniment-root", "--sensitive"])
  }

  /// As the setting `root_key.command` has them: the PIN is in the environment, not among the arguments.
  private var tool: [String] {
    [
      "/usr/bin/env", "SOFTHSM2_CONF=\(home)/softhsm2.conf", "MUNIMENT_PIN=1234", "/usr/bin/pkcs11-tool",
      "--module", SoftToken.module, "--token-label", "t", "--login", "--pin", "env:MUNIMENT_PIN",
    ]
  }
  private func cipher(_ verb: String, _ file: String) -> [String] {
    tool + [verb, "--mechanism", "AES-CBC-PAD", "--iv", iv, "--id", "01", "--input-file", file]
  }

  private func run(_ words: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["SOFTHSM2_CONF=\(home)/softhsm2.conf"] + words
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(words.prefix(4))")
  }

  /// The command that prints the key, whose sealed form is all that lies on the disk.
  private func sealedKey(_ name: String) throws -> [String] {
    let (plain, sealed) = ("\(home)/\(name).plain", "\(home)/\(name).sealed")
    try (Randomness.bytes(32).hex + "\n").write(toFile: plain, atomically: true, encoding: .utf8)
    try run(cipher("--encrypt", plain) + ["--output-file", sealed])
    try FileManager.default.removeItem(atPath: plain)
    return cipher("--decrypt", sealed)
  }

  @Test("A keystore is made, opened, moved to a token's key and on to another one's")
  func token() async throws {
    let fixture = try await VaultFixture.make()
    let owners = VaultFixture.subjects(1..<20)
    let keys = try await fixture.vault().keys(owners, creating: true).texts
    func open(_ source: RootKeySource) throws -> KeyVault {
      try KeyVault(directory: fixture.directory, database: fixture.pool, root: source)
    }
    let first = try sealedKey("first")
    #expect(try KeyVault.changeRoot(directory: fixture.directory, from: .file, to: first) == .waiting)
    #expect(try await open(.command(first)).keys(owners, creating: false).texts == keys)
    let old = try #require(throws: KeyVaultError.self) { try open(.file) }
    #expect(old.code == .notAuthentic)
    let second = try sealedKey("second")
    #expect(
      try KeyVault.changeRoot(directory: fixture.directory, from: .command(first), to: second) == .waiting)
    #expect(try await open(.command(second)).keys(owners, creating: false).texts == keys)
    let wrong = try #require(throws: KeyVaultError.self) { try open(.command(first)) }
    #expect(wrong.code == .notAuthentic)

    let directory = home + "/made-new"
    try KeyVault.create(directory: directory, root: .command(second))
    #expect(!FileManager.default.fileExists(atPath: directory + "/root.key"))
  }

  @Test("A token that is gone, or a wrong PIN, is an error that names the program and no key")
  func refused() throws {
    let command = try sealedKey("key")
    let wrong = command.map { $0 == "MUNIMENT_PIN=1234" ? "MUNIMENT_PIN=4321" : $0 }
    for words in [wrong, command.map { $0 == "t" ? "elsewhere" : $0 }] {
      let error = try #require(throws: KeyVaultError.self) {
        try KeyVault.create(directory: home + "/keys-\(UUID().uuidString)", root: .command(words))
      }
      #expect(error.code == .command || error.code == .malformed)
      #expect(!error.description.contains("4321") && !error.description.contains(iv))
    }
  }
}
