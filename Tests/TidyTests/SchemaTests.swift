import Testing

@Suite("Schema, as text")
struct SchemaTests {
  private func migrations() throws -> [Repository.File] { try Repository.files("Schemas/sql", [".sql"]) }

  @Test("migrations are numbered, each number once, and named by verb and noun")
  func migrationsAreNumbered() throws {
    var seen: Set<Int> = []
    for file in try migrations() {
      let number = try #require(Self.number(of: file), "\(file) should begin with four digits and _")
      #expect(seen.insert(number).inserted, "\(file) has another's number")
      #expect(file.lines[0].hasPrefix("-- "), "\(file) does not say why")
    }
  }

  private static func number(of file: Repository.File) -> Int? {
    let parts = file.name.split(separator: "_", maxSplits: 1)
    return parts.count == 2 && parts[0].count == 4 ? Int(parts[0]) : nil
  }

  @Test("the migrator applies every one of them")
  func migrationsAreListed() throws {
    let migrator = try Repository.file("Sources/Catalog/Migrator.swift")
    let listed = migrator.places(of: "    Migration(").count
    let files = try migrations()
    #expect(listed == files.count)
    for file in files {
      let (number, name) = (try #require(Self.number(of: file)), file.name.dropFirst(5).dropLast(4))
      #expect(migrator.text.contains("Migration(\(number), \"\(name)\","), "\(file) is not listed")
    }
  }

  /// SQL without comments.
  private func statements(_ file: Repository.File) -> String {
    file.lines.map { line in
      guard let comment = line.firstRange(of: "--") else { return line }
      return line[..<comment.lowerBound]
    }.joined(separator: "\n")
  }

  @Test("migrations hold to what distributed and pooled databases accept")
  func migrationsArePortable() throws {
    // Foreign keys would cross shards; the others need a session, or run where nobody looks.
    let banned = [
      "TRIGGER", "REFERENCES", "LISTEN", "NOTIFY", "TEMPORARY", "SERIAL", "IDENTITY", "NEXTVAL", "EXTENSION",
      "PREPARE",
    ]
    for file in try migrations() {
      let words = Set(statements(file).uppercased().split { !$0.isLetter }.map(String.init))
      for ban in banned { #expect(!words.contains(ban), "\(file) uses \(ban)") }
    }
  }

  @Test("no session state in the program's SQL either")
  func statementsAreStateless() throws {
    let banned = [
      "LISTEN ", "NOTIFY ", "PREPARE ", "CREATE TEMP", "SET SESSION", "WITH HOLD", "pg_advisory_lock(",
      "pg_try_advisory_lock(",
    ]
    for file in try Repository.sources.get() where file.target != "muniment" {
      for ban in banned {
        let places = file.places(of: "\"" + ban) + file.places(of: " " + ban)
        #expect(places.isEmpty, "\(file):\(places): \(ban)")
      }
    }
  }

  /// Tables that grow with messages, members or conversations: what a cluster distributes by `route_key`.
  private static let bigTables = [
    "conversation", "membership", "subject_conversation", "message", "message_locator", "amendment",
    "pending_change",
    "receipt", "event_seen", "segment_block", "token_coverage", "retention_label", "retention_event",
    "hold_finding",
  ]

  @Test("keys of big tables begin with the route key", arguments: bigTables)
  func keysAreRouted(table: String) throws {
    let all = try migrations().map(statements).joined(separator: "\n")
    let start = try #require(all.firstRange(of: "CREATE TABLE \(table) ("), "there is no table \(table)")
    let rest = all[start.upperBound...]
    let definition = rest[..<(try #require(rest.firstRange(of: "\n)")).lowerBound)]
    var keys = 0
    for line in definition.split(separator: "\n") {
      for kind in ["PRIMARY KEY (", "UNIQUE ("] {
        guard let key = line.firstRange(of: kind) else { continue }
        keys += 1
        #expect(line[key.upperBound...].hasPrefix("route_key"), "\(table): \(line)")
      }
      #expect(!line.hasSuffix(" PRIMARY KEY,") && !line.hasSuffix(" UNIQUE,"), "\(table): \(line)")
    }
    #expect(keys > 0, "\(table) has no key")
  }
}
