import Catalog
import Foundation
import History
import Ingestion
import Model
import Postgres
import Sodium
import Testing

@testable import Exporting

/// Packages of one file: ZIP, and ZIP encrypted with age.
@Suite("Packages in one file")
struct PackedPackageTests {
  private static func withHouse(_ body: (ExportHouse, Exporter) async throws -> Void) async throws {
    let house = try await ExportHouse()
    do {
      #expect(try await house.ingest(SampleHistory.lines).setAsideCount == 0)
      try await body(house, try await house.exporter())
      await house.close()
    } catch {
      await house.close()
      throw error
    }
  }

  @discardableResult
  private static func run(_ words: [String], in directory: String) throws -> (status: Int32, output: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    (process.standardOutput, process.standardError) = (pipe, pipe)
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }

  private static func files(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
  }

  @Test(
    "A ZIP holds what the directory holds, other programs list and test it, and it is the same every time")
  func zip() async throws {
    try await Self.withHouse { house, exporter in
      let folder = house.root + "/out"
      let formats: Set<ExportFormat> = [.jsonl, .html, .eml]
      let record = try await exporter.create(
        ExportSelection(), formats: formats, output: folder + "/a.zip", as: .zip, actor: "Grace")
      #expect(record.isComplete && record.path == folder + "/a.zip")
      #expect(try Self.files(folder) == ["a.zip"])
      #expect(try Self.files(house.root + "/home/exports") == [])
      #expect(try Self.run(["unzip", "-tq", "a.zip"], in: folder).status == 0)
      let found = try Exporter.verify(path: folder + "/a.zip", trusted: exporter.verifierKey)
      #expect(found.isValid, "\(found.problems)")
      #expect(found.messages == record.counts.messages && found.auditIndex == record.auditIndex)
      #expect(try Self.run(["unzip", "-q", "a.zip", "-d", "opened"], in: folder).status == 0)
      #expect(try Exporter.verify(path: folder + "/opened", trusted: exporter.verifierKey).isValid)
      let listed = try Self.run(["bsdtar", "-tf", "a.zip"], in: folder).output.split(separator: "\n").map(
        String.init)
      #expect(listed == (try Paths.files(in: folder + "/opened")))
      // The same draft packed again.
      for name in ["one", "two"] {
        try FileManager.default.copyItem(atPath: folder + "/opened", toPath: folder + "/draft")
        try PackagePacking(
          draft: folder + "/draft", destination: folder + "/\(name).zip", export: 1, packaging: .zip,
          modified: 1_700_000_000
        ).run()
      }
      #expect(
        FileManager.default.contentsEqual(atPath: folder + "/one.zip", andPath: folder + "/two.zip"))
    }
  }

  @Test(
    "A package for recipients is opened by each of them with age, and nothing of it was written in clear beside"
  )
  func encrypted() async throws {
    try await Self.withHouse { house, exporter in
      let folder = house.root + "/out"
      try Paths.makeDirectory(folder)
      var recipients: [AgeRecipient] = []
      for name in ["ann.key", "bo.key"] {
        #expect(try Self.run(["age-keygen", "-o", name], in: folder).status == 0)
        let shown = try Self.run(["age-keygen", "-y", name], in: folder).output
        recipients.append(try AgeRecipient(shown.trimmingCharacters(in: .whitespacesAndNewlines)))
      }
      let path = folder + "/a.zip.age"
      let packaging = try ExportPackaging(path: path, recipients: recipients)
      _ = try await exporter.create(
        ExportSelection(), formats: [.jsonl], output: path, as: packaging, actor: "Grace")
      #expect(try Self.files(folder) == ["a.zip.age", "ann.key", "bo.key"])
      #expect(try Self.files(house.root + "/home/exports") == [])
      for name in ["ann.key", "bo.key"] {
        #expect(
          try Self.run(["age", "-d", "-i", name, "-o", "\(name).zip", "a.zip.age"], in: folder).status == 0)
        #expect(try Exporter.verify(path: folder + "/\(name).zip", trusted: exporter.verifierKey).isValid)
      }
      let refusal = #expect(throws: ExportError.self) { try Exporter.verify(path: path) }
      #expect(refusal?.description.contains("age -d") == true)
    }
  }

  @Test("Every change of a ZIP is found: bytes, files taken away, put in, or put in twice")
  func changed() async throws {
    let folder = Sample.temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let package = try await Sample.package(in: folder)
    #expect(try Self.run(["zip", "-qr", "../whole.zip", "."], in: package).status == 0)
    #expect(try Exporter.verify(path: folder + "/whole.zip").isValid)
    func kinds(_ name: String, _ words: [String]) throws -> [ExportVerification.Problem.Kind] {
      try FileManager.default.copyItem(atPath: folder + "/whole.zip", toPath: folder + "/\(name).zip")
      #expect(try Self.run(words, in: folder).status == 0)
      return try Exporter.verify(path: folder + "/\(name).zip").problems.map(\.kind)
    }
    #expect(try kinds("less", ["zip", "-qd", "less.zip", "messages.jsonl"]) == [.missing])
    try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/extra.txt"))
    #expect(try kinds("more", ["zip", "-q", "more.zip", "extra.txt"]) == [.extra])
    try Data("nothing is missing\n".utf8).write(to: URL(fileURLWithPath: folder + "/warnings.txt"))
    #expect(try kinds("other", ["zip", "-q", "other.zip", "warnings.txt"]) == [.changed])
    let twice =
      "import zipfile,sys,warnings; warnings.simplefilter('ignore'); zipfile.ZipFile(sys.argv[1],'a').writestr(sys.argv[2],'x')"
    for name in ["manifest.json", "messages.jsonl"] {
      #expect(
        try !kinds("twice-\(name)", ["python3", "-c", twice, "twice-\(name).zip", name]).isEmpty, "\(name)")
    }
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/whole.zip")))
    var random = SystemRandomNumberGenerator()
    for _ in 0..<40 {
      let cut = Int.random(in: 0..<whole.count, using: &random)
      try Data(whole[..<cut]).write(to: URL(fileURLWithPath: folder + "/cut.zip"))
      let found = try? Exporter.verify(path: folder + "/cut.zip")
      #expect(found?.isValid != true, "cut at \(cut)")
    }
  }

  @Test("A crash at any step of packing is gone on from, and replaces nothing")
  func crashes() async throws {
    let folder = Sample.temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let package = try await Sample.package(in: folder)
    let (draft, target) = (folder + "/draft", folder + "/out.zip")
    let packing = PackagePacking(
      draft: draft, destination: target, export: 42, packaging: .zip, modified: 1_700_000_000)
    let (file, packed) = (PackagePacking.file(target, export: 42), PackagePacking.packed(draft))
    func expectDelivered(_ step: Comment) throws {
      try packing.run()
      #expect(try Exporter.verify(path: target).isValid, step)
      #expect(try Self.files(folder) == ["out.zip", "package"], step)
    }
    func copy() throws { try FileManager.default.copyItem(atPath: package, toPath: draft) }
    try copy()
    try Data("half a file".utf8).write(to: URL(fileURLWithPath: file))
    try expectDelivered("half written")
    try FileManager.default.copyItem(atPath: package, toPath: packed)
    try FileManager.default.moveItem(atPath: target, toPath: file)
    try expectDelivered("packed, not named")
    try FileManager.default.copyItem(atPath: package, toPath: packed)
    try FileManager.default.linkItem(atPath: target, toPath: file)
    try expectDelivered("named twice")
    try FileManager.default.copyItem(atPath: package, toPath: packed)
    try expectDelivered("named, draft still there")
    try copy()
    try FileManager.default.removeItem(atPath: target)
    try Data("another's".utf8).write(to: URL(fileURLWithPath: target))
    let refusal = #expect(throws: ExportError.self) { try packing.run() }
    #expect(refusal?.code == .pathExists)
    #expect(try String(contentsOfFile: target, encoding: .utf8) == "another's")
    try FileManager.default.removeItem(atPath: target)
    try expectDelivered("after the other file went")
  }

  @Test(
    "What was completed and not packed is delivered by the next run; an erasure takes packed packages along")
  func lifecycle() async throws {
    try await Self.withHouse { house, exporter in
      let folder = house.root + "/home/exports"
      let path = folder + "/late.zip"
      let selection = ExportSelection()
      let job = try await exporter.begin(selection, [.jsonl], output: path, .zip, actor: "Grace")
      do {
        let draft = try PackageDraft(
          destination: path, temporary: exporter.draftPath(of: job.account, job.row.id), export: job.row.id)
        let snapshot = try await exporter.snapshot(of: selection)
        let counts = try await exporter.write(snapshot, selection, job, into: draft, from: nil) { _ in }
        try await exporter.complete(job, try await exporter.seal(selection, job, draft, counts))
      }
      try await exporter.sweep()
      #expect(try Self.files(folder) == ["late.zip"])
      #expect(try Exporter.verify(path: path, trusted: exporter.verifierKey).isValid)
      _ = try await exporter.create(
        selection, formats: [.jsonl], output: folder + "/other.zip", as: .zip, actor: "Grace")
      let directory = try await house.directory()
      let (bob, tenant) = (try #require(try await directory.subject("bob")), directory.tenant.id)
      try await house.database.transaction { tx in
        try Subjects.set(.erasing, bob, tenant: tenant, in: tx)
        _ = try Exports.withdraw(containing: bob, at: ExportHouse.time, in: tx)
      }
      let report = try await exporter.deleteWithdrawn()
      #expect(report.deleted.count == 2 && report.beyondReach.isEmpty)
      #expect(try Self.files(folder) == [])
    }
  }

  @Test(
    "A package that cannot be put in its place is kept, the error says so, and the next export puts it there")
  func late() async throws {
    try await Self.withHouse { house, exporter in
      let folder = house.root + "/out"
      let path = folder + "/a.zip"
      let refusal = await #expect(throws: ExportError.self) {
        try await exporter.create(
          ExportSelection(), formats: [.jsonl], output: path, as: .zip, actor: "Grace"
        ) { _ in try? Data("another's".utf8).write(to: URL(fileURLWithPath: path)) }
      }
      #expect(refusal?.description.contains("in the audit log") == true)
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "another's")
      try FileManager.default.removeItem(atPath: path)
      _ = try await exporter.create(
        ExportSelection(), formats: [.jsonl], output: folder + "/b.zip", as: .zip, actor: "Grace")
      for name in ["a.zip", "b.zip"] {
        #expect(try Exporter.verify(path: folder + "/" + name, trusted: exporter.verifierKey).isValid)
      }
      #expect(try Self.files(folder) == ["a.zip", "b.zip"])
      #expect(try Self.files(house.root + "/home/exports") == [])
    }
  }

  @Test("Names and recipients have to agree")
  func names() throws {
    let recipient = try AgeRecipient("age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg")
    #expect(try ExportPackaging(path: "/a", recipients: []) == .directory)
    #expect(try ExportPackaging(path: "/a.zip", recipients: []) == .zip)
    #expect(try ExportPackaging(path: "/a.zip.age", recipients: [recipient]) == .encrypted([recipient]))
    #expect(throws: ExportError.self) { try ExportPackaging(path: "/a.zip", recipients: [recipient]) }
    #expect(throws: ExportError.self) { try ExportPackaging(path: "/a.age", recipients: []) }
  }
}
