import Foundation
import Ingestion
import Model
import Testing

@testable import Exporting

/// What broke somebody else's packages (case 19), and what a package must warn of.
@Suite struct HostileNameTests {
  /// Names of conversations, people and attachments that once left a package, or broke one.
  static let names: [(what: String, name: String)] = [
    ("a way up", "../../x"), ("an absolute path", "/etc/passwd"), ("a path of Windows", "..\\..\\x"),
    ("a drive", "C:\\x"), ("NUL", "a\u{0}b"), ("300 characters", String(repeating: "x", count: 300)),
    ("300 wide characters", String(repeating: "漢", count: 300)), ("RTL override", "a\u{202E}gpj.exe"),
    ("isolates", "\u{2066}a\u{2069}"), ("a device", "CON"), ("a device with an end", "aux.txt"),
    ("points", "..."), ("an end in points", "name. . ."), ("nothing", ""), ("spaces", "   "),
    ("line ends", "a\r\nb"), ("a formula", "=HYPERLINK(\"x\")"), ("a hidden file", ".bashrc"),
    ("an option", "-rf"), ("the shell", "$(x) `x` ; x | x > x"), ("wild cards", "*?[]"),
    ("a zero width joiner", "a\u{200D}b"), ("a byte order mark", "\u{FEFF}a"), ("a stream", "a:b"),
    ("lone combining marks", "\u{301}\u{302}"), ("emoji", "👩‍👩‍👧‍👦🏳️‍🌈"), ("percent signs", "%2e%2e%2fx"),
    ("a tilde", "~root"), ("fullwidth points", "．．／x"), ("a division slash", "a∕b"),
  ]

  private func isSafe(_ path: String) -> Bool {
    guard !path.hasPrefix("/"), path.utf8.count < 1_024 else { return false }
    return path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
      let scalars = part.unicodeScalars
      return !part.isEmpty && part != "." && part != ".." && part.utf8.count <= 120 && part.last != "."
        && part.last != " " && !part.hasPrefix("-") && !part.hasPrefix("~")
        && scalars.allSatisfy { scalar in
          switch scalar.properties.generalCategory {
          case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            false
          default: !"\\:*?\"<>|$`;%∕．／".unicodeScalars.contains(scalar)
          }
        }
    }
  }

  @Test("every hostile name gives a path that stays where it is put", arguments: names.map(\.name))
  func safeNames(name: String) {
    let made = SafeName.make("c000001", name)
    #expect(isSafe(made) && !made.contains("/") && made.hasPrefix("c000001"))
  }

  @Test(
    "conversations, people and attachments with hostile names make packages of safe paths, in every format")
  func safePackages() async throws {
    let house = try await ExportHouse()
    do {
      var lines: [String] = []
      func add(_ event: [String: Any]) throws {
        lines.append(
          String(decoding: try JSONSerialization.data(withJSONObject: event), as: UTF8.self))
      }
      for (number, hostile) in Self.names.enumerated() {
        try add([
          "type": "conversation.upserted", "conversation_id": "h\(number)", "name": hostile.name,
          "kind": ["channel", "group", "direct"][number % 3],
        ])
        try add(["type": "user.upserted", "subject_id": "u\(number)", "display_name": hostile.name])
        try add([
          "type": "message.created", "message_id": "m\(number)", "conversation_id": "h\(number)",
          "sender_id": "u\(number)", "created_at": "2026-02-01T00:00:00Z", "body": ["plain": hostile.name],
          "attachments": [["id": "f\(number)", "name": hostile.name], ["id": "g\(number)"]],
        ])
      }
      let stored = try await house.ingest(lines)
      // Names without a character are refused before they are anywhere.
      let path = house.root + "/package"
      let record = try await house.exporter().create(
        ExportSelection(), formats: Set(ExportFormat.allCases).subtracting([.dsar]), output: path,
        actor: "Grace")
      #expect(record.counts.messages == Self.names.count, "\(stored.setAside)")
      let files = try Paths.files(in: path)
      for file in files { #expect(isSafe(file), "\(file)") }
      #expect(try Exporter.verify(path: path).isValid)
      // One missing file drops no other, and each is named (case 10).
      let warnings = try String(contentsOfFile: path + "/warnings.txt", encoding: .utf8)
      for number in Self.names.indices {
        #expect(warnings.contains("message m\(number): f\(number) is described"))
        #expect(warnings.contains("message m\(number): g\(number) is described"))
      }
      #expect(warnings.contains("attachments: \(2 * Self.names.count) in all"))
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  @Test("every case that a package lacks something has a warning that says what and why")
  func warnings() {
    let cases: [(PackageWarnings.Warning, [String])] = [
      (.gap(conversation: "c", after: "t", reason: "damaged"), ["gap", "c", "t", "damaged"]),
      (
        .damaged(conversation: "c", first: "t", last: "u", messages: 4),
        ["gap", "c", "4 messages", "from t to u", "damaged"]
      ),
      (.crowd(format: .eml, conversation: "c", limit: 50), ["members", "c", "eml", "50", "csv"]),
      (.lacking(format: .csv, what: "keys"), ["format", "csv", "keys"]),
      (.unreadable(messages: 7), ["unreadable", "7", "erased", "deleted"]),
      (.namelessMembers(conversation: "c", members: 3), ["unnamed", "c", "3", "erased"]),
      (.namelessConversations(2), ["unnamed", "2", "keys are destroyed"]),
      (.leftOut(state: "restricted", messages: 5), ["left out", "5", "restricted"]),
      (.longLine(message: "m"), ["long", "m", "ingest"]),
      (.attachment(message: "m", id: "f"), ["attachment", "m", "f", "platform"]),
      (.attachments(9), ["9", "not inside"]), (.queryIncomplete, ["query", "may be missing"]),
      (.undecided(messages: 4), ["hold", "4", "sealed", "evaluated"]),
    ]
    for (warning, words) in cases {
      let warnings = PackageWarnings()
      warnings.add(warning)
      for word in words { #expect(warnings.text.contains(word), "\(warnings.text)") }
      #expect(warnings.text.split(separator: "\n").count == 1)
      // A new case does not compile here until it is in the list above.
      switch warning {
      case .gap, .unreadable, .namelessMembers, .namelessConversations, .leftOut, .longLine, .attachment,
        .attachments, .queryIncomplete, .damaged, .crowd, .lacking, .undecided:
        break
      }
    }
  }
}
