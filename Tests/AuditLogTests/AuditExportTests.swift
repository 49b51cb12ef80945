import AuditLog
import Foundation
import Model
import Postgres
import Sodium
import TestSupport
import Testing

/// Entries as they leave, and what is found from them without the database: by ours and by a program of its own.
@Suite struct AuditExportTests {
  private struct Exported {
    let fixture: AuditFixture
    let early: String
    let late: String
    var lines: [String]
  }

  /// 300 entries of which one names somebody, a checkpoint kept after 200 and one at the end.
  private func exported() async throws -> Exported {
    let fixture = try await AuditFixture.make()
    let log = fixture.log
    try await fixture.append(199)
    try await fixture.pool.transaction { tx in
      let entry = AuditEntry(
        tenant: TenantID(rawValue: 1), actor: "Ünal \"dpo\" \u{1}", action: "message.read", object: "message",
        personal: ["message": "m-😀\u{fb33}"],
        mentions: [.init([UInt8](repeating: 7, count: 16), part: "message")])
      try log.append([entry], at: AuditFixture.time, in: tx)
    }
    let early = try await fixture.checkpoint()
    try await fixture.append(100)
    let late = try await fixture.checkpoint()
    let lines = try await fixture.pool.transaction { tx in
      try log.lines(from: 0, limit: 1_000, readable: true, in: tx).map(\.text)
    }
    return Exported(fixture: fixture, early: early, late: late, lines: lines)
  }

  private func check(_ lines: [String], _ note: String, _ key: NoteKey) throws -> AuditVerification {
    var check = try AuditFileCheck(checkpoint: note, key: key)
    for line in lines { check.add(line) }
    return check.finish()
  }

  @Test("Lines hold actor and parts in the clear, and null for what was erased")
  func readable() async throws {
    let exported = try await exported()
    let log = exported.fixture.log
    struct Line: Decodable {
      let index: Int64
      let readable: [String: String?]
      let erased: Int?
    }
    func line() async throws -> Line {
      let lines = try await exported.fixture.pool.transaction { tx in
        try log.lines(from: 199, limit: 1, readable: true, in: tx)
      }
      return try JSONDecoder().decode(Line.self, from: Data(lines[0].text.utf8))
    }
    let before = try await line()
    #expect(before.readable["message"] == "m-😀\u{fb33}" && before.erased == nil)
    try await exported.fixture.pool.transaction { tx in
      try log.eraseParts(about: [UInt8](repeating: 7, count: 16), tenant: TenantID(rawValue: 1), in: tx)
    }
    let after = try await line()
    #expect(after.readable["message"] == .some(nil) && after.erased == 1)
    #expect(after.readable["actor"] == "Ünal \"dpo\" \u{1}")
  }

  /// What is done to a file, and whether the checkpoint of size 200 and the one of size 300 still agree.
  struct Damage: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var early = false
    var late = false
    let harm: @Sendable (inout [String]) -> Void
  }

  static let damages = [
    Damage(testDescription: "nothing", early: true, late: true) { _ in },
    Damage(testDescription: "an entry rewritten") { $0[57] = $0[57].replacing("hold/57", with: "hold/75") },
    Damage(testDescription: "a late entry rewritten", early: true) {
      $0[250] = $0[250].replacing("hold.placed", with: "hold.played")
    },
    Damage(testDescription: "the last entry cut off", early: true) { $0.removeLast() },
    Damage(testDescription: "cut off far") { $0.removeLast(150) },
    Damage(testDescription: "two entries swapped") { $0.swapAt(20, 21) },
    Damage(testDescription: "an entry left out") { $0.remove(at: 99) },
    Damage(testDescription: "two entries swapped and renumbered") { lines in
      let (first, second) = (lines[20], lines[21])
      lines[20] = second.replacing("\"index\":21", with: "\"index\":20")
      lines[21] = first.replacing("\"index\":20", with: "\"index\":21")
    },
  ]

  @Test("case 15: a file of entries is checked against a checkpoint kept elsewhere", arguments: damages)
  func offline(damage: Damage) async throws {
    let exported = try await exported()
    var lines = exported.lines
    damage.harm(&lines)
    let key = exported.fixture.log.key
    #expect(try check(lines, exported.early, key).isIntact == damage.early)
    #expect(try check(lines, exported.late, key).isIntact == damage.late)
  }

  @Test("A verifier that shares no code with ours agrees on every file, proof and tile", arguments: damages)
  func independent(damage: Damage) async throws {
    let exported = try await exported()
    var lines = exported.lines
    damage.harm(&lines)
    let folder = try TestDatabase.temporaryHome()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func write(_ name: String, _ text: String) throws -> String {
      try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
      return "\(folder)/\(name)"
    }
    let file = try write("entries", lines.map { $0 + "\n" }.joined())
    let key = exported.fixture.log.key.verifierKey
    for (note, agrees) in [(exported.early, damage.early), (exported.late, damage.late)] {
      let found = try python(["entries", key, try write("checkpoint", note), file])
      #expect(found.status == (agrees ? 0 : 5), "\(found.output)")
    }
  }

  @Test("It agrees on proofs, consistency, cosignatures and tiles too, and on their damage")
  func independentProofs() async throws {
    let exported = try await exported()
    let folder = try TestDatabase.temporaryHome()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
      let path = "\(folder)/\(name)"
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      return path
    }
    let log = exported.fixture.log
    let (proof, request, tiles) = try await exported.fixture.pool.transaction { tx in
      let paths = [
        TilePath(level: 0, index: 0), TilePath(level: 0, index: 1, width: 44),
        TilePath(level: 1, index: 0, width: 1),
        TilePath(level: nil, index: 0), TilePath(level: nil, index: 1, width: 44),
      ]
      return (
        try log.proof(of: 199, in: tx).text, try log.witnessRequest(from: 200, in: tx),
        try paths.map { ($0.text, try log.tile($0, in: tx)) }
      )
    }
    let key = log.key.verifierKey
    let witness = try Witness("witness.example/w1", seed: 21)
    let late = try write("late", Array((exported.late + witness.line(under: exported.late) + "\n").utf8))
    let entry = try write("entry", Array(exported.lines[199].utf8))
    let early = try write("early", Array(exported.early.utf8))
    for (path, bytes) in tiles { _ = try write(path, bytes) }
    let good = [
      ["proof", key, try write("p.tlog-proof", Array(proof.utf8)), entry],
      ["consistency", key, early, try write("request", Array(request.utf8))],
      ["tiles", key, late, folder], ["cosigned", key, late, witness.verifierKey],
    ]
    for words in good {
      let found = try python(words)
      #expect(found.status == 0, "\(words[0]): \(found.output)")
    }
    _ = try write("tile/entries/001.p/44", tiles[4].1.dropLast() + [0])
    let wrong = try write("wrong", Array(exported.lines[198].utf8))
    let bad = [
      ["proof", key, good[0][2], wrong], ["consistency", key, early, late], ["tiles", key, late, folder],
      ["cosigned", key, early, witness.verifierKey],
      ["cosigned", key, late, try Witness("witness.example/w1", seed: 22).verifierKey],
    ]
    for words in bad { #expect(try python(words).status == 5, "\(words[0])") }
  }

  private func python(_ words: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/python3")
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    process.arguments = [folder.path + "/Compatibility/audit_v1.py"] + words
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
