import Foundation
import Testing

/// `Tests/Compatibility/escrow_v1.py`, which shares no code with the product.
enum SecondReader {
  static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Compatibility/escrow_v1.py").path

  static var isInstalled: Bool { (try? python(["-c", "import nacl, zstandard"]).status) == 0 }

  static func python(_ words: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    // No compiled files beside the sources.
    process.arguments = ["-B"] + words
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}

extension Scenarios {
  /// `archive export-keys`, opened by a program that shares no code with this one.
  @Suite(
    .enabled(
      if: SecondReader.isInstalled, "python3-nacl or python3-zstandard is missing: escrow is NOT tested"))
  struct EscrowTests {
    private func opened(_ segment: String, _ home: Home, _ identity: String) throws -> (
      status: Int32, lines: [JSON]
    ) {
      let result = try SecondReader.python([
        SecondReader.script, "open", "\(home.path)/segments/\(segment).mseg", home.path + "/escrow.age",
        identity,
      ])
      return (result.status, try result.output.split(separator: "\n").map { try JSON(parsing: String($0)) })
    }

    @Test("the escrow file alone opens every segment, says who wrote what, and is refused without a reason")
    func escrow() throws {
      let (home, corpus) = (try Home(), Corpus(messages: 200))
      let source = try corpus.write()
      defer { try? FileManager.default.removeItem(atPath: source) }
      try home.done(["ingest", source])
      try home.done(["archive", "run", "--older-than", "0d"])
      let identity = home.path + "/identity"
      let recipient = try SecondReader.python([SecondReader.script, "identity", identity]).output
        .trimmingCharacters(in: .whitespacesAndNewlines)
      let file = home.path + "/escrow.age"
      let words = ["archive", "export-keys", "--recipient", recipient, "--output", file]
      try home.done(words, status: 64)
      try home.done(words + ["--reason", "  "], status: 64)
      #expect(!FileManager.default.fileExists(atPath: file))
      let report = try home.done(words + ["--reason", "kept by the notary", "--by", "grace"]).object
      let segments = try home.done(["archive", "list"]).lines.compactMap { $0["id"]?.text }
      #expect(report["segments"]?.number == segments.count && report["people"]?.number == 7)
      let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
      #expect(mode == 0o600)
      #expect(try home.done(["audit", "list"]).output.contains("archive.keys_exported"))
      try home.done(words + ["--reason", "again"], status: 64)

      var read: [String] = []
      for segment in segments {
        let result = try opened(segment, home, identity)
        #expect(
          result.status == 0 && result.lines.last?["unreadable"]?.number == 0, "\(result.lines.suffix(1))")
        read += result.lines.dropLast().map {
          "\($0["message_id"]?.text ?? "") \($0["sender_id"]?.text ?? "") \($0["conversation_id"]?.text ?? "") "
            + "\($0["text"]?.text ?? "")"
        }
      }
      let written = corpus.lines.map { "\($0.messageID) \($0.senderID) \($0.conversationID) \($0.content)" }
      #expect(read.sorted() == written.sorted())

      let other = home.path + "/other"
      _ = try SecondReader.python([SecondReader.script, "identity", other])
      #expect(try opened(segments[0], home, other).status == 5)
      var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
      bytes[bytes.count - 20] ^= 1
      try bytes.write(to: URL(fileURLWithPath: file))
      #expect(try opened(segments[0], home, identity).status == 5)
    }
  }
}
