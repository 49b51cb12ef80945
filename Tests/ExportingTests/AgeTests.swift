import Foundation
import Testing

@testable import Exporting

/// What the standard `age` program opens, it opens whole; what it must refuse is not written.
@Suite("Encryption to recipients")
struct AgeTests {
  /// A key pair of `age-keygen`'s.
  private struct Keys {
    let file: String
    let recipient: AgeRecipient

    init(in directory: String, _ name: String) throws {
      file = directory + "/" + name
      let made = try AgeTests.run(["age-keygen", "-o", file])
      try #require(made.status == 0)
      let shown = try AgeTests.run(["age-keygen", "-y", file])
      recipient = try AgeRecipient(
        String(decoding: shown.output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }

  private static func run(_ words: [String]) throws -> (status: Int32, output: Data) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    let output = FileManager.default.temporaryDirectory.appendingPathComponent("age-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: output) }
    try Data().write(to: output)
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return (process.terminationStatus, try Data(contentsOf: output))
  }

  private static func withDirectory(_ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.path + "/age-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private static func encrypted(_ plain: [UInt8], piece: Int, to recipients: [AgeRecipient]) throws -> [UInt8]
  {
    var encryption = try AgeEncryption(to: recipients)
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: plain.count, by: piece) {
      bytes += encryption.encrypt(Array(plain[start..<min(start + piece, plain.count)]))
    }
    return bytes + encryption.finish()
  }

  @Test("age opens files of every size around its chunks, for each of the recipients and nobody else")
  func opens() throws {
    try Self.withDirectory { directory in
      let (ann, bo, cy) = (
        try Keys(in: directory, "ann"), try Keys(in: directory, "bo"), try Keys(in: directory, "cy")
      )
      let chunk = 64 << 10
      for size in [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 17] {
        let plain = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 9) }
        let file = directory + "/file-\(size).age"
        let bytes = try Self.encrypted(plain, piece: 10_007, to: [ann.recipient, bo.recipient])
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        for keys in [ann, bo] {
          let opened = try Self.run(["age", "-d", "-i", keys.file, file])
          #expect(opened.status == 0 && opened.output == Data(plain), "\(size) bytes")
        }
        #expect(try Self.run(["age", "-d", "-i", cy.file, file]).status != 0)
      }
    }
  }

  @Test(
    "the pieces in which bytes come make no difference to what is inside, and every file has a key of its own"
  )
  func pieces() throws {
    try Self.withDirectory { directory in
      let keys = try Keys(in: directory, "ann")
      let plain = [UInt8](repeating: 7, count: 200_000)
      var seen: Set<[UInt8]> = []
      for piece in [1_000, 65_536, 200_000] {
        let bytes = try Self.encrypted(plain, piece: piece, to: [keys.recipient])
        #expect(seen.insert(Array(bytes.suffix(64))).inserted)
        let file = directory + "/file.age"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        #expect(try Self.run(["age", "-d", "-i", keys.file, file]).output == Data(plain))
      }
    }
  }

  @Test(
    "recipients with a wrong letter, of another kind, length or case are refused",
    arguments: [
      "", "age1", "age", "1", "ssh-ed25519 AAAA",
      "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafh",
      "AGE1LGGYHQRW2NLHCXPRM67Z43RTA597AZN8GKNAWJEHU9D9DL0JQ3YQQVFAFG",
      "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg ",
      "agf1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg",
    ])
  func refused(text: String) {
    #expect(throws: AgeError(.badRecipient)) { try AgeRecipient(text) }
  }

  @Test("every single wrong character of a recipient is found")
  func checksum() throws {
    try Self.withDirectory { directory in
      let text = Array(try Keys(in: directory, "ann").recipient.text.utf8)
      for place in text.indices {
        for letter in "qpzry9x8gf2tvdw0s3jn54khce6mua7l1b".utf8 where letter != text[place] {
          var wrong = text
          wrong[place] = letter
          #expect(throws: AgeError(.badRecipient)) {
            try AgeRecipient(String(decoding: wrong, as: UTF8.self))
          }
        }
      }
    }
  }

  @Test("a public key with which everybody has the same secret is refused")
  func weak() throws {
    // The point of order one, all zeros, with its checksum.
    let zeros = try AgeRecipient("age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z")
    #expect(throws: AgeError(.badRecipient)) { try AgeEncryption(to: [zeros]).finish() }
    #expect(throws: AgeError(.noRecipients)) { try AgeEncryption(to: []).finish() }
  }
}
