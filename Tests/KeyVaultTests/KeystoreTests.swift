import Foundation
import Model
import Sodium
import Testing

@testable import KeyVault

struct KeystoreTests {
  private static let root = SecretBytes([UInt8](repeating: 7, count: 32))

  @Test("A shard's file survives its bytes and opens only under its key, name and shard")
  func shardFile() throws {
    var keys = ShardKeys(newFor: 3)
    keys.addEpoch()
    #expect(keys.retireOld(at: VaultFixture.time) == 1)
    let bytes = keys.sealed(under: Self.root)
    let read = try ShardKeys(sealed: bytes, shard: 3, under: Self.root)
    #expect(read.epochs.map(\.number) == [1, 2])
    #expect(read.epochs.map(\.retiredAt) == [VaultFixture.time, nil])
    #expect(read.epochs.map(\.key.copiedBytes) == keys.epochs.map(\.key.copiedBytes))
    #expect(throws: (any Error).self) { try ShardKeys(sealed: bytes, shard: 4, under: Self.root) }
    let other = SecretBytes([UInt8](repeating: 8, count: 32))
    #expect(throws: CryptographyError.self) { try ShardKeys(sealed: bytes, shard: 3, under: other) }
    var moved = bytes
    moved[8] = 4
    #expect(throws: CryptographyError.self) { try ShardKeys(sealed: moved, shard: 4, under: Self.root) }
  }

  @Test("A shard's file with any bit changed or cut anywhere is refused")
  func damagedFile() throws {
    let bytes = ShardKeys(newFor: 0).sealed(under: Self.root)
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 1
      #expect(throws: (any Error).self) { try ShardKeys(sealed: changed, shard: 0, under: Self.root) }
      #expect(throws: (any Error).self) {
        try ShardKeys(sealed: Array(bytes[..<index]), shard: 0, under: Self.root)
      }
    }
  }

  @Test("A frozen file of version 1 is still read")
  func frozen() throws {
    // Sealed once under the key 07…07: epoch 1 retired on 2025-03-01, epoch 2 in use.
    let bytes = try #require([UInt8](hex: Self.frozenFile))
    let keys = try ShardKeys(sealed: bytes, shard: 3, under: Self.root)
    #expect(keys.epochs.map(\.number) == [1, 2])
    #expect(keys.epochs.map(\.retiredAt) == [VaultFixture.time, nil])
    #expect(keys.epochs.map(\.key.copiedBytes.hex) == Self.frozenKeys)
  }

  @Test("Creating is repeatable, finishes what was broken off, and keeps everything to its owner")
  func creating() throws {
    let directory = try TestHomes.make() + "/deep/keys"
    try KeyVault.create(directory: directory)
    let names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    #expect(names == (0..<16).map { ShardKeys.name($0) } + ["keystore", "lock", "root.key"])
    for name in names {
      let mode = try FileManager.default.attributesOfItem(atPath: "\(directory)/\(name)")[.posixPermissions]
      #expect(mode as? Int == 0o600)
    }
    let content = try names.map { try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\($0)")) }
    try KeyVault.create(directory: directory)
    #expect(try names.map { try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\($0)")) } == content)
    // Broken off before the marker: what is there stays, what is not is made.
    for name in ["keystore", "kek-07.key"] {
      try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
    }
    #expect(throws: KeyVaultError.self) { try open(directory) }
    try KeyVault.create(directory: directory)
    try open(directory)
    #expect(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/kek-06.key")) == content[6])
  }

  struct Damage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let code: KeyVaultError.Code
    /// What the message says.
    let says: [String]
    let inflict: @Sendable (String) throws -> Void
  }

  @Test(
    "A keystore with something missing, open to others or not authentic is refused with the file and the next step",
    arguments: [
      Damage(testDescription: "no keystore", code: .missing, says: ["muniment init"]) {
        try FileManager.default.removeItem(atPath: $0)
      },
      Damage(testDescription: "no root key", code: .missing, says: ["root.key", "restore"]) {
        try FileManager.default.removeItem(atPath: $0 + "/root.key")
      },
      Damage(testDescription: "no file of a shard", code: .missing, says: ["kek-05.key", "restore"]) {
        try FileManager.default.removeItem(atPath: $0 + "/kek-05.key")
      },
      Damage(testDescription: "readable by others", code: .permissions, says: ["root.key", "chmod 600"]) {
        chmod($0 + "/root.key", 0o640)
      },
      Damage(testDescription: "another root key", code: .notAuthentic, says: ["root.key", "restore"]) {
        try overwrite($0 + "/root.key", Array(String(repeating: "ab", count: 32).utf8))
      },
      Damage(testDescription: "a root key cut short", code: .malformed, says: ["root.key", "64"]) {
        try overwrite($0 + "/root.key", Array("abcd".utf8))
      },
      Damage(
        testDescription: "two shards' files swapped", code: .notAuthentic, says: ["kek-01.key", "restore"]
      ) {
        try overwrite($0 + "/kek-01.key", Array(Data(contentsOf: URL(fileURLWithPath: $0 + "/kek-02.key"))))
      },
    ])
  func refused(damage: Damage) throws {
    let directory = try TestHomes.make() + "/keys"
    try KeyVault.create(directory: directory)
    try damage.inflict(directory)
    let error = try #require(throws: KeyVaultError.self) { try open(directory) }
    #expect(error.code == damage.code)
    for word in damage.says { #expect(error.description.contains(word), "\(error)") }
  }

  @Test("A root key that was lost is not made anew over KEKs that need it")
  func lostRoot() throws {
    let directory = try TestHomes.make() + "/keys"
    try KeyVault.create(directory: directory)
    try FileManager.default.removeItem(atPath: directory + "/root.key")
    #expect(throws: KeyVaultError.self) { try KeyVault.create(directory: directory) }
    try FileManager.default.removeItem(atPath: directory + "/keystore")
    #expect(throws: KeyVaultError.self) { try KeyVault.create(directory: directory) }
  }

  @Test("A command may print the root key; one that fails or prints something else is an error")
  func rootFromCommand() throws {
    let directory = try TestHomes.make() + "/keys"
    let key = String(repeating: "0f", count: 32)
    let source = RootKeySource.command(["sh", "-c", "echo \(key)"])
    try KeyVault.create(directory: directory, root: source)
    #expect(!FileManager.default.fileExists(atPath: directory + "/root.key"))
    _ = try Keystore(directory: directory, root: RootKey.load(source, directory: directory))
    let refused: [([String], KeyVaultError.Code)] = [
      ([], .command), (["/nonexistent/program"], .command), (["sh", "-c", "echo \(key); exit 3"], .command),
      (["echo", "abc"], .malformed), (["sh", "-c", "yes \(key) | head -c 4000"], .malformed),
      // Ends by itself once nobody reads on.
      (["yes", key], .command), (["true"], .malformed),
    ]
    for (words, code) in refused {
      let error = #expect(throws: KeyVaultError.self) {
        try RootKey.load(.command(words), directory: directory)
      }
      #expect(error?.code == code, "\(words)")
      #expect(error?.description.contains(key) == false)
    }
  }

  private func open(_ directory: String) throws {
    if try KeyFile.stamp("\(directory)/keystore") == nil {
      throw KeyVaultError(.missing, "there is no complete keystore in \(directory); run `muniment init`")
    }
    _ = try Keystore(directory: directory, root: RootKey.load(.file, directory: directory))
  }
}

private func overwrite(_ path: String, _ bytes: [UInt8]) throws {
  try FileManager.default.removeItem(atPath: path)
  #expect(
    FileManager.default.createFile(
      atPath: path, contents: Data(bytes), attributes: [.posixPermissions: 0o600]))
}

extension KeystoreTests {
  static let frozenFile =
    "4d554e4b454b000103009ca9fe6d714bab1456995a6a39cbc26dfb5c4812e6b0fa14db3ce12a0ab71c1f2fb2dc1939a300ff230fee377bd0"
    + "c2f02ebd850562c98f0632fd460512cb066452e16e604b380ef78061f27535328c49386679348411a023472ec9380ae8f37d75c5c7692242"
    + "731cf7f1d839056fcd8d0d0f231b55dea332ffc13730fa2c24a6338e222445bde57b71"
  static let frozenKeys = [
    "72ef5055a315eb3075a5784d4573e2fc84d0349239035d23331445f02c04cad0",
    "40e17f8a1bd97ce136724c0523411a64271f70405b4489a3ad08be3df5d07067",
  ]
}
