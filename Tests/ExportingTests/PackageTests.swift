import AuditLog
import Foundation
import Model
import Sodium
import Testing

@testable import Exporting

@Suite final class PackageTests {
  private let directory = Sample.temporaryDirectory()

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  private func check(
    _ change: (String) throws -> Void, finds expected: [(ExportVerification.Problem.Kind, String)],
    trusted: String? = nil, _ location: SourceLocation = #_sourceLocation
  ) async throws {
    let path = try await Sample.package(in: directory)
    try change(path)
    let found = try Exporter.verify(path: path, trusted: trusted)
    #expect(
      found.problems == expected.map { ExportVerification.Problem(kind: $0.0, path: $0.1) },
      sourceLocation: location)
  }

  private func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }
  private func write(_ bytes: [UInt8], _ path: String) throws {
    try Data(bytes).write(to: URL(filePath: path))
  }
  private func edit(_ path: String, _ old: String, _ new: String) throws {
    let text = String(decoding: try bytes(path), as: UTF8.self)
    #expect(text.contains(old))
    try write(Array(text.replacing(old, with: new).utf8), path)
  }

  @Test func aWholePackageVerifies() async throws {
    let path = try await Sample.package(in: directory)
    let found = try Exporter.verify(path: path, trusted: Manifest.key(of: Sample.signer())?.verifierKey)
    #expect(found.isValid, "\(found.problems)")
    #expect(found.exportID == "export-000000000000002a" && found.messages == 3 && found.auditIndex == 9)
    #expect(found.signedBy?.hasPrefix("muniment/export+") == true)
    let files = try FileManager.default.subpathsOfDirectory(atPath: path).filter {
      !Paths.isDirectory(path + "/" + $0)
    }
    #expect(
      files.sorted() == [
        "custody.json", "html/c000001-General_b/2026-02.html", "html/c000001-General_b/index.html",
        "html/index.html",
        "manifest.json", "manifest.pub", "manifest.sig", "messages.jsonl", "warnings.txt",
      ])
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["package"])
  }

  @Test func everyFlippedByteOfTheMessagesIsFound() async throws {
    let path = try await Sample.package(in: directory)
    let file = path + "/messages.jsonl"
    let whole = try bytes(file)
    for index in stride(from: 0, to: whole.count, by: 97) {
      var changed = whole
      changed[index] ^= 1
      try write(changed, file)
      #expect(try Exporter.verify(path: path).problems.map(\.kind) == [.changed])
    }
  }

  @Test func changedMissingAndAddedFilesAreNamed() async throws {
    try await check(
      { path in
        try self.edit(path + "/html/index.html", "General", "general")
        try FileManager.default.removeItem(atPath: path + "/warnings.txt")
        try self.write([], path + "/html/.extra")
        try FileManager.default.createSymbolicLink(
          atPath: path + "/link", withDestinationPath: "messages.jsonl")
      },
      finds: [
        (.extra, "html/.extra"), (.changed, "html/index.html"), (.extra, "link"), (.missing, "warnings.txt"),
      ])
  }

  @Test func aTruncatedFileIsFound() async throws {
    try await check(
      { try self.write(Array(self.bytes($0 + "/messages.jsonl").dropLast(10)), $0 + "/messages.jsonl") },
      finds: [(.changed, "messages.jsonl")])
  }

  @Test func aLinkInsteadOfAFileIsFound() async throws {
    try await check(
      { path in
        try FileManager.default.moveItem(
          atPath: path + "/messages.jsonl", toPath: self.directory + "/elsewhere")
        try FileManager.default.createSymbolicLink(
          atPath: path + "/messages.jsonl", withDestinationPath: self.directory + "/elsewhere")
      }, finds: [(.changed, "messages.jsonl")])
  }

  @Test func aChangedManifestIsNotSigned() async throws {
    try await check(
      { try self.edit($0 + "/manifest.json", "\"complete\" : true", "\"complete\" : false") },
      finds: [(.unsigned, "manifest.sig"), (.custodyWrong, "custody.json")])
  }

  @Test func aMissingManifestIsReported() async throws {
    try await check(
      { try FileManager.default.removeItem(atPath: $0 + "/manifest.json") },
      finds: [(.missing, "manifest.json")])
  }

  @Test func aSignatureByAnotherKeyIsFound() async throws {
    try await check(
      { path in
        let manifest = SHA256.hash(try self.bytes(path + "/manifest.json"))
        let note = SignedNote.sign(
          Manifest.statement(export: ExportID.text(42), hash: manifest), name: Manifest.signer,
          with: try Sample.signer(8))
        try self.write(Array(note.utf8), path + "/manifest.sig")
      }, finds: [(.unsigned, "manifest.sig")])
  }

  @Test func aWholePackageOfSomebodyElseIsFoundByTheTrustedKey() async throws {
    try await check(
      { _ in }, finds: [(.wrongKey, "manifest.pub")], trusted: Manifest.key(of: Sample.signer(8))?.verifierKey
    )
  }

  @Test func custodyCannotBeChangedOrTakenAway() async throws {
    try await check(
      { try self.edit($0 + "/custody.json", "Zoë", "Zoe") }, finds: [(.custodyWrong, "custody.json")])
    try FileManager.default.removeItem(atPath: directory)
    try await check(
      { try FileManager.default.removeItem(atPath: $0 + "/custody.json") },
      finds: [(.custodyMissing, "custody.json")])
  }

  @Test func nothingIsOverwritten() async throws {
    let path = directory + "/package"
    try Paths.makeDirectory(path)
    #expect(throws: ExportError.self) { try PackageDraft(destination: path, export: 1) }
    try write([1], path + "/file")
    let draft = directory + "/draft"
    try Paths.makeDirectory(draft)
    #expect(throws: ExportError.self) { try Paths.move(draft, to: path) }
    #expect(try bytes(path + "/file") == [1])
  }

  @Test func aDraftIsLockedWhileItsWriterLives() async throws {
    var draft: PackageDraft? = try PackageDraft(destination: directory + "/package", export: 1)
    let temporary = try #require(draft?.temporary)
    #expect(throws: ExportError.self) { try DirectoryLock(temporary) }
    draft = nil
    #expect(throws: Never.self) { try DirectoryLock(temporary) }
    #expect(!Paths.exists(directory + "/package"))
  }

  @Test func anAbandonedDraftLeavesNothing() async throws {
    let draft = try PackageDraft(destination: directory + "/package", export: 1)
    let file = try draft.file("a/b/c")
    try await file.write([1, 2, 3])
    await draft.abandon()
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
  }

  @Test(arguments: [("/a/./b//../c/", "/a/c"), ("/../x", "/x"), ("/", "/")])
  func pathsAreMadeAbsolute(path: String, expected: String) {
    #expect(Paths.absolute(path) == expected)
  }

  @Test func exportIDsReadBack() {
    for number in [Int64(1), 42, .max, -1] {
      #expect(ExportID.number(ExportID.text(number)) == number)
    }
    for text in [
      "export-", "export-2a", "hold-000000000000002a", "export-000000000000002g", "export-+00000000000002a",
      "export-000000000000002A",
    ] {
      #expect(ExportID.number(text) == nil)
    }
  }

  @Test func warningsAreOneLineEachAndBounded() {
    let warnings = PackageWarnings()
    warnings.add(.gap(conversation: "a\nb", after: "t", reason: "r"))
    #expect(warnings.text.split(separator: "\n").count == 1)
    let linesMax = PackageWarnings.Warning.Kind.long.linesMax
    for _ in 0..<(linesMax + 5) { warnings.add(.longLine(message: "m")) }
    #expect(warnings.text.split(separator: "\n").count == 1 + linesMax + 1)
    #expect(warnings.text.hasSuffix("and 5 more of \"long\"\n"))
    // What is missing has room of its own, whatever came before.
    let missing: [PackageWarnings.Warning] = [
      .damaged(conversation: "c", first: "t", last: "u", messages: nil), .queryIncomplete,
      .leftOut(state: "restricted", messages: 1), .unreadable(messages: 2),
    ]
    for warning in missing {
      warnings.add(warning)
      #expect(warnings.text.contains(warning.text))
    }
    let lines = warnings.text
    warnings.addOnce(.queryIncomplete)
    #expect(warnings.text == lines)
  }

  @Test func linesAreCountedAcrossPieces() {
    let text = Array("{\"a\":1}\n{\"b\":2}\n{\"a\":3}\n".utf8)
    for size in 1...text.count {
      var counter = LineCounter(prefix: Array("{\"a\"".utf8))
      for start in stride(from: 0, to: text.count, by: size) {
        counter.count(Array(text[start..<min(start + size, text.count)]))
      }
      #expect(counter.lines == 3 && counter.matching == 2)
    }
  }
}
