import AuditLog
import Catalog
import Foundation
import History
import Ingestion
import KeyVault
import Model
import Postgres
import Segments
import Sodium
import TestSupport
import Tiering

@testable import Exporting

/// A house of a test's own: database, keys, archive, and a directory for packages.
struct ExportHouse {
  static let time = Timestamp(rfc3339: "2026-06-01T12:00:00Z")!
  let root: String
  let database: PostgresPool
  let vault: KeyVault
  let history: HistoryReader
  let audit: AuditLog

  init() async throws {
    root = Sample.temporaryDirectory()
    let home = root
    try Paths.makeDirectory(home + "/home/exports")
    database = try await TestDatabase.make(migrationsFrom: TestDatabase.schema).pool
    try KeyVault.create(directory: home + "/keys")
    vault = try KeyVault(directory: home + "/keys", database: database)
    let archive = ArchiveReader(
      store: try FileSegmentStore(directory: home + "/segments"), vault: vault, database: database)
    history = HistoryReader(database: database, vault: vault, archive: archive)
    audit = AuditLog(
      origin: "example.org/log", signer: vault.signingKey("audit"), sealing: vault.derivedKey("audit"))
    try await database.transaction { tx in try Feed.createHeads(groups: 2, in: tx) }
  }

  /// With the sample history, its exporter, and where packages are kept.
  static func filled(_ body: (ExportHouse, Exporter, String) async throws -> Void) async throws {
    let house = try await ExportHouse()
    do {
      _ = try await house.ingest(SampleHistory.lines)
      try await body(house, try await house.exporter(), house.root + "/home/exports")
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  func close() async {
    await database.close()
    try? FileManager.default.removeItem(atPath: root)
  }

  func directory(_ name: String = "default") async throws -> Directory {
    let tenant = try await database.transaction { tx in try Tenants.ensure(name, at: Self.time, in: tx) }
    return Directory(tenant: tenant, database: database, vault: vault)
  }

  func exporter(_ name: String = "default") async throws -> Exporter {
    Exporter(
      directory: try await directory(name), database: database, vault: vault, history: history, audit: audit,
      home: root + "/home", now: { Self.time })
  }

  /// Takes lines of the contract in, as a server does.
  func ingest(_ lines: [String], tenant: String = "default", source: String = "test") async throws
    -> IngestResult
  {
    let ingestor = Ingestor(
      directory: try await directory(tenant), database: database, vault: vault,
      settings: Ingestor.Settings(groups: 2), now: { Self.time })
    let decoder = EventDecoder()
    var result = IngestResult()
    for start in stride(from: 0, to: lines.count, by: 1_000) {
      var batch = IngestBatch(source: source)
      for (number, line) in lines.enumerated().dropFirst(start).prefix(1_000) {
        let raw = Array(line.utf8)
        batch.items.append(
          IngestItem(line: Int64(number + 1), raw: raw, event: try decoder.decode(raw).event))
        batch.position = Int64(number + 1)
      }
      result += try await ingestor.store(batch)
    }
    return result
  }

  /// Moves everything into the archive.
  func archive() async throws -> Int {
    let archiver = Archiver(
      tenant: try await directory().tenant, database: database, vault: vault, history: history, audit: audit,
      settings: Archiver.Settings(scratch: root + "/scratch", groups: 2), now: { Self.time })
    return try await archiver.run(try await archiver.plan(before: Self.time)).messages
  }

  func lines(_ package: String) throws -> [String] {
    try String(contentsOfFile: package + "/messages.jsonl", encoding: .utf8).split(separator: "\n").map(
      String.init)
  }

  func messageIDs(_ package: String) throws -> [String] {
    try lines(package).filter { $0.hasPrefix(#"{"type":"message.created""#) }.map {
      try (JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])?["message_id"] as? String
        ?? ""
    }
  }
}

/// A small history with one of everything.
enum SampleHistory {
  static let lines: [String] =
    [
      #"{"type":"conversation.upserted","conversation_id":"general","kind":"channel","name":"日本 <General>","visibility":"public","retention_days":90}"#,
      #"{"type":"conversation.upserted","conversation_id":"private","kind":"direct","sealed":true}"#,
      #"{"type":"user.upserted","subject_id":"ann","display_name":"Ann \"A\"","email":"ann@example.org"}"#,
      #"{"type":"member.joined","conversation_id":"general","subject_id":"ann","at":"2026-01-01T00:00:00Z","role":"owner","sees_history_from":"2025-01-01T00:00:00Z"}"#,
      #"{"type":"member.joined","conversation_id":"general","subject_id":"bob","at":"2026-01-02T00:00:00Z"}"#,
      #"{"type":"member.left","conversation_id":"general","subject_id":"bob","at":"2026-03-02T00:00:00Z"}"#,
      #"{"type":"member.joined","conversation_id":"private","subject_id":"cyd","at":"2026-01-02T00:00:00Z"}"#,
    ]
    + (1...6).map {
      message(
        "g\($0)", "general", $0.isMultiple(of: 2) ? "bob" : "ann",
        "2026-0\($0 < 4 ? 1 : 2)-0\($0)T10:00:00.00000\($0)Z")
    } + [
      #"{"type":"message.created","message_id":"s1","conversation_id":"private","sender_id":"cyd","created_at":"2026-02-03T04:05:06Z","body":{"sealed":"AAEC/w==","key_id":"k1","wrapped_keys":{"phone":"AQ=="}},"tokens":{"mode":"blinded","generation":2,"set":["AAECAwQFBgc"]}}"#,
      #"{"type":"message.edited","message_id":"g1","conversation_id":"general","editor_id":"ann","edited_at":"2026-02-01T00:00:00Z","version":2,"body":{"plain":"edited"}}"#,
      #"{"type":"reaction.added","message_id":"g1","conversation_id":"general","subject_id":"bob","name":"👍","at":"2026-02-01T00:00:01Z"}"#,
      #"{"type":"conversation.closed","conversation_id":"private","at":"2026-04-01T00:00:00Z"}"#,
    ]

  static func message(_ id: String, _ conversation: String, _ sender: String, _ at: String) -> String {
    """
    {"type":"message.created","message_id":"\(id)","conversation_id":"\(conversation)","sender_id":"\(sender)",\
    "created_at":"\(at)","body":{"plain":"text of \(id) \\" \\\\ \\u0000 日本"},"content_type":"text/markdown",\
    "reply_to":"g0","mentions":["ann"],"attachments":[{"id":"f","name":"../x","size":3}],\
    "tokens":{"mode":"plain","sequence":["text","of"],"flags":["file"]}}
    """
  }
}
