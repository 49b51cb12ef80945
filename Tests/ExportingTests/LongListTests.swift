import Foundation
import Model
import Postgres
import Testing

@testable import Exporting

/// Packages of more files than are held in memory: their list lies in a file.
@Suite final class LongListTests {
  private let directory = Sample.temporaryDirectory()

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  private static let lines = (1...30).map {
    SampleHistory.message("m\($0)", "room \($0 % 3)", "ann", "2026-01-0\(1 + $0 % 7)T10:00:\(10 + $0)Z")
  }

  private func house(_ held: Int, _ body: (ExportHouse, Exporter) async throws -> Void) async throws {
    let house = try await ExportHouse()
    do {
      _ = try await house.ingest(Self.lines)
      var exporter = try await house.exporter()
      exporter.settings.filesHeld = held
      exporter.settings.pageMessages = 4
      exporter.settings.checkpointMessages = 5
      try await body(house, exporter)
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  private func make(_ exporter: Exporter, _ path: String) async throws -> ExportRecord {
    try await exporter.create(
      ExportSelection(), formats: [.eml, .dat], output: path,
      as: try ExportPackaging(path: path, recipients: []), actor: "Grace")
  }

  private func manifest(_ path: String) throws -> Manifest {
    try JSONDecoder().decode(Manifest.self, from: Data(contentsOf: URL(filePath: path + "/manifest.json")))
  }

  @Test("as many files as are held stand in the manifest, one more in a list beside it")
  func atTheBound() async throws {
    // A mail each, three files each and the two load files, conversations and warnings.
    let count = 30 + 90 + 2 + 2
    for (held, isListed) in [(count, false), (count - 1, true)] {
      try await house(held) { house, exporter in
        let path = house.root + "/package"
        #expect(try await make(exporter, path).isComplete)
        let manifest = try manifest(path)
        #expect(manifest.version == (isListed ? 2 : 1) && manifest.files.isEmpty == isListed)
        #expect(manifest.fileList?.lines == (isListed ? count : nil))
        let found = try Exporter.verify(path: path, trusted: exporter.verifierKey)
        #expect(found.problems == [] && found.messages == 30)
        #expect(found.files == count + (isListed ? 1 : 0))
      }
    }
  }

  @Test("a ZIP file of them is checked as the directory is, and has the same list")
  func zipped() async throws {
    try await house(7) { house, exporter in
      let path = house.root + "/home/package.zip"
      #expect(try await make(exporter, path).isComplete)
      #expect(try Exporter.verify(path: path, trusted: exporter.verifierKey).problems == [])
      let zip = try PackageZip(paths: [path])
      var names: [String] = []
      try zip.forEach { name, _, _ in names.append(name) }
      #expect(names == names.sorted(by: Paths.precedes))
      var list = try zip.pieces(of: Manifest.listName).map { FileLines($0) }
      var listed: [String] = []
      while let file = try list?.nextFile() { listed.append(file.path) }
      #expect(
        Set(names).subtracting(listed).sorted() == [
          "audit-entry.json", "audit.tlog-proof", "custody.json", "files.jsonl", "manifest.json",
          "manifest.pub",
          "manifest.sig",
        ])
    }
  }

  @Test("interrupted again and again, it has the bytes of one that was not")
  func interrupted() async throws {
    try await house(7) { house, exporter in
      let path = house.root + "/package"
      for messages in [6, 13, 22] {
        let task = Task {
          try await exporter.create(
            ExportSelection(), formats: [.eml, .dat], output: path, actor: "Grace"
          ) { if $0.messages >= messages { withUnsafeCurrentTask { $0?.cancel() } } }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
      }
      let record = try await make(exporter, path)
      #expect(record.isComplete && record.counts.messages == 30)
      #expect(try Exporter.verify(path: path).problems == [])
      let other = house.root + "/peace"
      _ = try await make(exporter, other)
      #expect(try manifest(path).fileList == manifest(other).fileList)
    }
  }

  @Test("what is missing, added, changed or listed twice is found")
  func damages() async throws {
    try await house(7) { house, exporter in
      let path = house.root + "/package"
      _ = try await make(exporter, path)
      let files = try Paths.files(in: path).filter { $0.hasSuffix(".eml") }
      let (gone, changed) = (files[3], files[5])
      try Paths.remove(path + "/" + gone)
      try Data([1]).write(to: URL(filePath: path + "/" + changed))
      try Data([1]).write(to: URL(filePath: path + "/" + files[0] + ".more"))
      let found = try Exporter.verify(path: path).problems
      #expect(
        found.map { "\($0.kind.rawValue) \($0.path)" }.sorted() == [
          "changed \(changed)", "extra \(files[0]).more", "missing \(gone)",
        ])
      let list = path + "/" + Manifest.listName
      let text = try String(contentsOfFile: list, encoding: .utf8)
      for damage in [text + "not a line\n", String(text.dropLast(40)), text + text] {
        try damage.write(toFile: list, atomically: false, encoding: .utf8)
        let kinds = Set(try Exporter.verify(path: path).problems.map(\.kind))
        #expect(kinds.isSuperset(of: [.changed, .malformed]))
      }
      try Paths.remove(list)
      #expect(
        try Exporter.verify(path: path).problems.contains { $0.kind == .missing && $0.path == "files.jsonl" })
    }
  }

  @Test("lines are sorted whatever fits into memory at once", arguments: [1, 2, 7, 100, 1_000])
  func sorted(held: Int) throws {
    try Paths.makeDirectory(directory)
    var state: UInt64 = 7
    let files = (0..<500).map { number in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let path = "f\(state % 10)/\(state >> 40)-\(number)" + (number.isMultiple(of: 3) ? "-日本" : "")
      return Manifest.File(path: path, bytes: number, sha256: "00", messages: 1, lines: 0)
    }
    var left = files.flatMap(\.line)
    let lines = FileLines {
      defer { left.removeFirst(min(97, left.count)) }
      return Array(left.prefix(97))
    }
    var found: [UInt8] = []
    try FileSort(linesHeld: held, path: directory + "/sorting").run(lines) { found += $0 }
    #expect(found == files.sorted { Paths.precedes($0.path, $1.path) }.flatMap(\.line))
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
  }

  @Test("files are visited in the order of their paths' bytes")
  func walked() throws {
    let paths = ["a-b", "a/b", "a.c", "a/b-c/d", "a/b/c", "z", "ä", "日本/x"].filter { $0 != "a/b" }
    for path in paths {
      try Paths.makeDirectory(Paths.parent(of: directory + "/" + path))
      try Data().write(to: URL(filePath: directory + "/" + path))
    }
    #expect(try Paths.files(in: directory) == paths.sorted(by: Paths.precedes))
    #expect(try Paths.files(in: directory).prefix(4) == ["a-b", "a.c", "a/b-c/d", "a/b/c"])
  }

  @Test("a file too many for one file is refused with what to do")
  func tooMany() async throws {
    let draft = try PackageDraft(destination: directory + "/package", export: 1)
    draft.log.max = 2
    for name in ["a", "b"] { try await draft.write([1], to: name, listed: true) }
    await #expect(throws: ExportError.self) { try await draft.write([1], to: "c", listed: true) }
  }
}
