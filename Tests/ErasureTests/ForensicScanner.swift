import AuditLog
import Catalog
import Foundation
import History
import KeyVault
import Model
import Postgres
import Runtime
import Sodium

/// Looks for texts wherever a home could hold them, sharing nothing with the verification of an erasure: all bytes of
/// all files, what is inside ZIP files, every column of every table, and everything that opens with a key that is
/// left, read and unsealed here from the formats' descriptions.
struct ForensicScanner: Sendable {
  let application: Application
  let tenant: TenantID
  private let needles: [[UInt8]]
  private let byStart: [UInt64: [[UInt8]]]
  /// Whether a needle begins with these two bytes: most places are passed by without a further look.
  private var starts = [Bool](repeating: false, count: 65_536)

  /// - Parameter texts: of eight bytes and more. They are looked for in base64 and hexadecimal too.
  init(_ application: Application, tenant: TenantID, texts: [String], bytes: [[UInt8]] = []) {
    self.application = application
    self.tenant = tenant
    let plain = texts.map { Array($0.utf8) } + bytes
    precondition(plain.allSatisfy { $0.count >= 8 })
    let all = plain + plain.map { Array($0.hex.utf8) } + plain.map { Array($0.base64().dropLast(4).utf8) }
    needles = all.filter { $0.count >= 8 }
    byStart = Dictionary(grouping: needles) { Self.word($0, 0) }
    for word in byStart.keys { starts[Int(word >> 48)] = true }
  }

  /// Where a text was found: file or table, with the text.
  func everything() async throws -> [String] {
    try await files() + zipFiles() + tables() + opened()
  }

  private static func word(_ bytes: some RandomAccessCollection<UInt8>, _ offset: Int) -> UInt64 {
    bytes.dropFirst(offset).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  private func found(in bytes: [UInt8]) -> Set<String> {
    guard bytes.count >= 8 else { return [] }
    var found: Set<String> = []
    for start in 0...(bytes.count - 8) {
      guard starts[Int(bytes[start]) << 8 | Int(bytes[start + 1])] else { continue }
      for needle in byStart[Self.word(bytes, start)] ?? [] where bytes[start...].starts(with: needle) {
        found.insert(String(decoding: needle, as: UTF8.self))
      }
    }
    return found
  }

  private func report(_ place: String, _ bytes: [UInt8]) -> [String] {
    found(in: bytes).sorted().map { "\(place): \($0)" }
  }

  /// Every file below the home, PostgreSQL's and its write-ahead log included.
  func files(below folder: String = "") throws -> [String] {
    let home = application.settings.home
    return try FileManager.default.subpathsOfDirectory(atPath: "\(home)/\(folder)").sorted().flatMap { path in
      // A file may go while we look.
      let data = FileManager.default.contents(atPath: "\(home)/\(folder)/\(path)") ?? Data()
      return report("file \(folder)\(path)", [UInt8](data))
    }
  }

  private func zipFiles() throws -> [String] {
    let home = application.settings.home
    return try FileManager.default.subpathsOfDirectory(atPath: home).filter { $0.hasSuffix(".zip") }.flatMap {
      path in
      let process = Process()
      let pipe = Pipe()
      process.executableURL = URL(filePath: "/usr/bin/unzip")
      process.arguments = ["-p", "\(home)/\(path)"]
      process.standardOutput = pipe
      try process.run()
      let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      return report("inside \(path)", [UInt8](data))
    }
  }

  /// Every row of every table, as text; bytes are hexadecimal in it.
  private func tables() async throws -> [String] {
    let names = try await rows(
      "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
    ) { $0.text($1, 0) }
    var found: [String] = []
    for name in names {
      // The name comes from PostgreSQL, quoted by it.
      for row in try await rows("SELECT t::text FROM \(name) t", { $0.text($1, 0) }) {
        found += report("table \(name)", Array(row.utf8))
      }
    }
    return found
  }

  private func rows<R: Sendable>(_ sql: String, _ row: @escaping @Sendable (PostgresRows, Int) throws -> R)
    async throws
    -> [R]
  {
    try await application.database.transaction { tx in
      let rows = try tx.execute(sql)
      return try (0..<rows.count).map { try row(rows, $0) }
    }
  }
}

/// With keys.
extension ForensicScanner {
  private func opened() async throws -> [String] {
    let keys = try await ownedKeys()
    var found: [String] = []
    found += try await messages()
    found += try await changes("amendment", "kind, version, at, author_id, sealed")
    found += try await changes("pending_change", "kind, version, at, author_id, sealed")
    found += try await segments()
    found += try await profiles(keys)
    found += try await requests(keys)
    found += try await houseSealed()
    found += try await auditParts()
    return found
  }

  /// Every key there is a row for.
  private func ownedKeys() async throws -> [KeyOwner: SecretBytes] {
    let owners = try await rows("SELECT kind, tenant, id_high, id_low FROM wrapped_key") {
      rows, row -> KeyOwner? in
      let tenant = TenantID(rawValue: rows.int64(row, 1))
      let low = rows.int64(row, 3)
      switch rows.int64(row, 0) {
      case 1: return .subject(tenant, SubjectID(rawValue: low))
      case 2: return .conversation(tenant, ConversationID(rawValue: low))
      case 3: return .period(tenant, Int16(rows.int64(row, 2)), Period(rawValue: Int32(low)))
      case 4: return .matter(tenant, low)
      case 5: return .request(tenant, low)
      default: return nil
      }
    }
    let all = Set(owners.compactMap { $0 })
    application.vault.forget(all)
    return try await application.vault.keys(all, creating: false)
  }

  private struct Sealed: Sendable {
    let lane: LaneID
    let key: MessageKey
    let kind: Int16
    let version: Int64
    let bytes: [UInt8]
  }

  private func open(_ place: String, _ all: [Sealed]) async throws -> [String] {
    let lanes = try await application.vault.lanes(Set(all.map(\.lane)), creating: false)
    return try all.flatMap { row -> [String] in
      guard let lane = lanes[row.lane] else { return [] }
      return report(
        "opened \(place)",
        try RowSeal.open(row.bytes, key: row.key, kind: row.kind, version: row.version, lane: lane))
    }
  }

  private func messages() async throws -> [String] {
    let tenant = tenant
    let all = try await rows(
      "SELECT message_high, message_low, sender_id, conversation_id, created_at, payload FROM message"
    ) { rows, row in
      let time = Timestamp(microseconds: rows.timestamp(row, 4))
      return Sealed(
        lane: LaneID(
          tenant: tenant, subject: SubjectID(rawValue: rows.int64(row, 2)),
          conversation: ConversationID(rawValue: rows.int64(row, 3)), period: Period(containing: time)),
        key: MessageKey(high: rows.int64(row, 0), low: rows.int64(row, 1)), kind: 0, version: 0,
        bytes: rows.bytes(row, 5))
    }
    return try await open("message", all)
  }

  private func changes(_ table: String, _ columns: String) async throws -> [String] {
    let tenant = tenant
    let high = table == "amendment" ? "message_high" : "route_key"
    let all = try await rows("SELECT \(high), message_low, conversation_id, \(columns) FROM \(table)") {
      rows, row in
      let time = Timestamp(microseconds: rows.timestamp(row, 5))
      return Sealed(
        lane: LaneID(
          tenant: tenant, subject: SubjectID(rawValue: rows.int64(row, 6)),
          conversation: ConversationID(rawValue: rows.int64(row, 2)), period: Period(containing: time)),
        key: MessageKey(high: rows.int64(row, 0), low: rows.int64(row, 1)), kind: Int16(rows.int64(row, 3)),
        version: rows.int64(row, 4), bytes: rows.bytes(row, 7))
    }
    return try await open(table, all)
  }

  /// Blocks of all segments, replaced ones too as long as they are there.
  private func segments() async throws -> [String] {
    var found: [String] = []
    let segments = try await rows("SELECT segment_id FROM segment") { $0.text($1, 0) }
    for segment in segments {
      let blocks = try await application.database.transaction { tx in
        try Archive.blocks(segment: segment, in: tx)
      }
      for block in blocks {
        for message in try await application.history.archive.messages(block) {
          found += report("opened segment", message.payload)
        }
      }
    }
    return found
  }

  /// Who people are and what conversations are called; and searches that members keep.
  private func profiles(_ keys: [KeyOwner: SecretBytes]) async throws -> [String] {
    struct Row: Sendable {
      let owner: KeyOwner
      let context: String
      let bound: [Int64]
      let sealed: [UInt8]
    }
    let tenant = tenant
    let people = try await rows("SELECT subject_id, sealed FROM subject") { rows, row in
      Row(
        owner: .subject(tenant, SubjectID(rawValue: rows.int64(row, 0))), context: "profile",
        bound: [rows.int64(row, 0)], sealed: rows.bytes(row, 1))
    }
    let places = try await rows("SELECT conversation_id, sealed FROM conversation") { rows, row in
      Row(
        owner: .conversation(tenant, ConversationID(rawValue: rows.int64(row, 0))), context: "profile",
        bound: [rows.int64(row, 0)], sealed: rows.bytes(row, 1))
    }
    let searches = try await rows("SELECT owner_id, saved_id, sealed FROM saved_search WHERE owner_kind = 1")
    {
      rows, row in
      Row(
        owner: .subject(tenant, SubjectID(rawValue: rows.int64(row, 0))), context: "saved-search",
        bound: [tenant.rawValue, rows.int64(row, 1)], sealed: rows.bytes(row, 2))
    }
    return try (people + places + searches).flatMap { row -> [String] in
      guard let key = keys[row.owner] else { return [] }
      let derived = BLAKE2b.derive([key], context: Array("muniment/\(row.context)/v1".utf8))
      return report(
        "opened \(row.context)", try AEAD.open(row.sealed, key: derived, additional: bytes(row.bound)))
    }
  }

  /// What erasures keep of whom they are about until they are done.
  private func requests(_ keys: [KeyOwner: SecretBytes]) async throws -> [String] {
    let all = try await rows("SELECT erasure_id, sealed FROM erasure WHERE sealed IS NOT NULL") {
      ($0.int64($1, 0), $0.bytes($1, 1))
    }
    return try all.flatMap { id, sealed -> [String] in
      guard let key = keys[.request(tenant, id)] else { return [] }
      return report(
        "opened erasure", try AEAD.open(sealed, key: key, additional: bytes([id], led: "erasure")))
    }
  }

  /// What lies under keys of the house's that are never destroyed.
  private func houseSealed() async throws -> [String] {
    var found: [String] = []
    let kinds = [
      ("set-aside", "SELECT set_aside_id, sealed FROM set_aside WHERE sealed IS NOT NULL"),
      ("export", "SELECT export_id, sealed FROM export WHERE octet_length(sealed) > 0"),
    ]
    for (kind, sql) in kinds {
      let key = application.vault.derivedKey("\(kind)/\(tenant.rawValue)")
      for (id, sealed) in try await rows(sql, { ($0.int64($1, 0), $0.bytes($1, 1)) }) {
        found += report("opened \(kind)", try AEAD.open(sealed, key: key, additional: bytes([id], led: kind)))
      }
    }
    let key = application.vault.derivedKey("archive-dictionary/\(tenant.rawValue)")
    let dictionaries = try await rows("SELECT dictionary_id, sealed FROM archive_dictionary") {
      ($0.bytes($1, 0), $0.bytes($1, 1))
    }
    for (id, sealed) in dictionaries {
      let additional = Array("muniment/dictionary/v1".utf8) + bytes([tenant.rawValue]) + id
      found += report("opened dictionary", try AEAD.open(sealed, key: key, additional: additional))
    }
    return found
  }

  private func auditParts() async throws -> [String] {
    let key = application.vault.derivedKey("audit")
    let parts = try await rows(
      "SELECT entry_index, name, sealed FROM audit_personal WHERE NOT under_subject_key"
    ) { ($0.int64($1, 0), $0.text($1, 1), $0.bytes($1, 2)) }
    return try parts.flatMap { index, name, sealed -> [String] in
      var writer = ByteWriter()
      writer.text("muniment/audit-part/v1")
      writer.fixed(index)
      writer.text(name)
      return report("opened audit part", try AEAD.open(sealed, key: key, additional: writer.bytes))
    }
  }

  private func bytes(_ numbers: [Int64], led word: String = "") -> [UInt8] {
    var writer = ByteWriter()
    writer.raw(word.utf8)
    for number in numbers { writer.fixed(number) }
    return writer.bytes
  }
}
