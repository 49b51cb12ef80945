import AuditLog
import Catalog
import Foundation
import History
import Ingestion
import Model
import Sodium
import Testing

@testable import Exporting

/// Packages in parts, proofs of the audit log inside, completeness, overlays.
@Suite struct SplitTests {
  private func house(_ body: (ExportHouse, Exporter) async throws -> Void) async throws {
    let house = try await ExportHouse()
    do {
      // What does not get smaller, so that there are parts.
      let noise = (1...60).map {
        SampleHistory.message("n\($0)", "general", "bob", "2026-01-09T10:00:00Z").replacing(
          "text of n\($0)", with: Randomness.bytes(6_000).base64())
      }
      #expect(try await house.ingest(SampleHistory.lines + noise).setAsideCount == 0)
      try await body(house, try await house.exporter())
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  private func run(_ words: String, in directory: String) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", words]
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  @Test("a package in parts is whole where all parts are, and says which one is missing or changed")
  func parts() async throws {
    try await house { house, exporter in
      let folder = house.root + "/out"
      let path = folder + "/a.zip"
      let record = try await exporter.create(
        ExportSelection(), formats: [.jsonl, .html], output: path, as: .zip, partBytes: 65_536, actor: "Grace"
      )
      let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      #expect(names.count >= 4 && names.first == "a.zip.0001" && names.last == "a.zip.parts.json")
      for name in ["a.zip.parts.json", "a.zip", "a.zip.0002"] {
        let found = try Exporter.verify(path: folder + "/" + name, trusted: exporter.verifierKey)
        #expect(found.isValid && found.parts == names.count - 1, "\(name) \(found.problems)")
        #expect(found.messages == record.counts.messages)
      }
      #expect(try run("cat a.zip.[0-9]* > joined.zip && unzip -tqq joined.zip", in: folder) == 0)
      #expect(try Exporter.verify(path: folder + "/joined.zip").isValid)
      let two = folder + "/a.zip.0002"
      let bytes = try Data(contentsOf: URL(filePath: two))
      var changed = bytes
      changed[1_000] ^= 1
      try changed.write(to: URL(filePath: two))
      #expect(
        try Exporter.verify(path: path).problems == [.init(kind: .changed, path: "a.zip.0002")])
      try Paths.remove(two)
      #expect(
        try Exporter.verify(path: path).problems == [.init(kind: .missing, path: "a.zip.0002")])
      await #expect(throws: ExportError.self) {
        try await exporter.create(
          ExportSelection(), formats: [.jsonl], output: path, as: .zip, actor: "Grace")
      }
    }
  }

  @Test("parts below the home are deleted together, and encrypted ones are checked as they are")
  func partsAtHome() async throws {
    try await house { house, exporter in
      let folder = house.root + "/home/exports"
      let recipient = try AgeRecipient("age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa")
      let made = try await exporter.create(
        ExportSelection(), formats: [.jsonl], output: folder + "/a.zip.age", as: .encrypted([recipient]),
        partBytes: 65_536, actor: "Grace")
      let found = try Exporter.verify(path: folder + "/a.zip.age.parts.json")
      #expect(found.isValid && found.isEncrypted && (found.parts ?? 0) > 2)
      #expect(made.contentBytes > 65_536)
      #expect(throws: ExportError.self, "what nobody can look at is not called checked") {
        try Exporter.verify(path: folder + "/a.zip.age.parts.json", auditKey: house.audit.key.verifierKey)
      }
      try await exporter.delete(made.id, actor: "Ada")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
    }
  }

  private func edit(_ path: String, _ change: (inout String) -> Void) throws {
    var text = try String(contentsOfFile: path, encoding: .utf8)
    change(&text)
    try text.write(toFile: path, atomically: true, encoding: .utf8)
  }

  @Test("a package proves offline that the audit log states it, and how many messages there were")
  func proof() async throws {
    try await house { house, exporter in
      let path = house.root + "/package"
      let record = try await exporter.create(
        ExportSelection(), formats: [.jsonl], output: path, actor: "Grace")
      let log = house.audit.key.verifierKey
      let found = try Exporter.verify(path: path, auditKey: log)
      #expect(found.isValid, "\(found.problems)")
      #expect(found.auditIndex == record.auditIndex && found.auditKey == log && found.conversations == 2)
      #expect(try #require(found.logSize) > (record.auditIndex ?? .max))
      let other = NoteKey(name: "example.org/log", publicKey: try Sample.signer().publicKey)?.verifierKey
      #expect(try Exporter.verify(path: path, auditKey: other).problems.map(\.kind) == [.wrongKey])
      #expect(found.isComplete == true && found.gaps == 0 && found.unreadable == 0)
      // A package from before proofs verifies; who asks for its proof is told that there is none.
      let older = try await Sample.package(in: house.root + "/older")
      #expect(try Exporter.verify(path: older).isValid)
      #expect(try Exporter.verify(path: older, auditKey: log).problems.map(\.kind) == [.proofMissing])
      let saved = try String(contentsOfFile: path + "/" + AuditProof.proofName, encoding: .utf8)
      try edit(path + "/" + AuditProof.proofName) { $0 = $0.replacing("index ", with: "index 1") }
      #expect(try Exporter.verify(path: path).problems.map(\.kind) == [.proofWrong])
      try saved.write(toFile: path + "/" + AuditProof.proofName, atomically: true, encoding: .utf8)
      try edit(path + "/" + AuditProof.entryName) {
        $0 = $0.replacing("export.created", with: "export.deleted")
      }
      #expect(try Exporter.verify(path: path).problems.map(\.kind) == [.proofWrong])
      try Paths.remove(path + "/" + AuditProof.entryName)
      #expect(try Exporter.verify(path: path).problems.map(\.kind) == [.proofMissing])
    }
  }

  @Test("conversations are counted by their ids as they are spelt, across pieces and past look-alikes")
  func conversations() {
    let lines =
      [
        #"{"type":"message.created","message_id":"a\",\"conversation_id\":\"x","conversation_id":"c\"1","body":1}"#,
        #"{"type":"message.created","message_id":"b","conversation_id":"c2"}"#,
        #"{"type":"message.edited","message_id":"b","conversation_id":"c2"}"#,
        #"{"type":"message.created","message_id":"d","conversation_id":"c2"}"#,
      ].joined(separator: "\n") + "\n"
    let bytes = Array(lines.utf8)
    for size in [1, 7, 64, bytes.count] {
      var counter = ConversationCounter()
      for start in stride(from: 0, to: bytes.count, by: size) {
        counter.count(Array(bytes[start..<min(start + size, bytes.count)]))
      }
      #expect(counter.counts == [Array(#"c\"1"#.utf8): 1, Array("c2".utf8): 2])
    }
    #expect(
      PackageStatement.parse(Array("{\"conversation_id\":\"c\\\"1\",\"there\":2,\"inside\":1}\n".utf8))
        == [Array(#"c\"1"#.utf8): .init(there: 2, inside: 1)])
    #expect(PackageStatement.parse(Array("{\"conversation_id\":\"c\",\"there\":2}\n".utf8)) == nil)
  }

  @Test("an overlay names the package and each ciphertext by hash, and leaves the package as it is")
  func overlay() async throws {
    try await house { house, exporter in
      let path = house.root + "/package.zip"
      _ = try await exporter.create(
        ExportSelection(), formats: [.jsonl], output: path, as: .zip, actor: "Grace")
      let before = try Paths.sha256(path)
      let texts = house.root + "/texts.jsonl"
      func make(_ lines: String, _ output: String) throws -> OverlayReport {
        try lines.write(toFile: texts, atomically: true, encoding: .utf8)
        return try Exporter.overlay(
          path, texts: texts, output: house.root + "/" + output, madeBy: "Ann", at: ExportHouse.time,
          signer: try Sample.signer())
      }
      let line = #"{"message_id":"s1","plain":"what was said"}"#
      for output in ["overlay", "overlay.zip"] {
        let made = try make(line, output)
        #expect(made.sealed == 1 && made.opened == 1)
        let found = try Exporter.verify(
          path: path, trusted: exporter.verifierKey, overlay: house.root + "/" + output)
        #expect(found.isValid && found.opened == 1, "\(found.problems)")
        let key = NoteKey(name: OverlayManifest.signer, publicKey: try Sample.signer().publicKey)?.verifierKey
        #expect(found.overlaySignedBy == key)
        func kinds(_ trusted: String?) throws -> [ExportVerification.Problem.Kind] {
          try Exporter.verify(path: path, overlay: house.root + "/" + output, overlayKey: trusted).problems
            .map(\.kind)
        }
        #expect(try kinds(key) == [] && kinds(exporter.verifierKey) == [.wrongKey])
      }
      #expect(throws: ExportError.self) { try Exporter.verify(path: path, overlayKey: "key") }
      #expect(try Paths.sha256(path) == before)
      for wrong in [
        #"{"message_id":"g1","plain":"x"}"#, #"{"message_id":"s1"}"#, line + "\n" + line,
        #"{"message_id":"s1","plain":"x","ciphertext_sha256":"00"}"#,
      ] {
        #expect(throws: ExportError.self) { try make(wrong, "wrong") }
        #expect(!Paths.exists(house.root + "/wrong") && !Paths.exists(house.root + "/wrong.partial"))
      }
      try edit(house.root + "/overlay/overlay.jsonl") { $0 = $0.replacing("what", with: "WHAT") }
      #expect(
        try Exporter.verify(path: path, overlay: house.root + "/overlay").problems.map(\.kind) == [.changed])
      let other = house.root + "/other"
      _ = try await exporter.create(
        exporter.selection(conversations: ["private"]), formats: [.jsonl], output: other, actor: "Grace")
      #expect(
        try Exporter.verify(path: other, overlay: house.root + "/overlay.zip").problems.map(\.kind)
          == [.overlayWrong])
    }
  }
}
