import Catalog
import Erasure
import Exporting
import Foundation
import Glibc
import Governance
import History
import Ingestion
import KeyVault
import Model
import Postgres
import Retention
import Runtime
import Search
import Synchronization
import TestSupport
import Tiering

/// A home of a test's own with the real parts of the product and a clock that stands still until moved, from the
/// first of January 2024 on.
final class ErasureHouse: Sendable {
  static let start = Timestamp(civil: 2024, 1, 1)
  static let day: Int64 = 86_400

  let application: Application
  let tenant: Tenant
  private let clock = Mutex(ErasureHouse.start)

  private init(secondPerson: Bool, ownDatabase: Bool = false) async throws {
    let home = try TestDatabase.temporaryHome()
    try "index: {groups: 2}\n".write(toFile: home + "/muniment.yaml", atomically: true, encoding: .utf8)
    let environment =
      ownDatabase ? [:] : ["MUNIMENT_DATABASE_URL": try await TestDatabase.make().conninfo]
    application = try await Application.open(Settings(home: home, environment: environment), creating: true)
    try await application.database.transaction { tx in
      let tenant = try Tenants.ensure("default", at: ErasureHouse.start, in: tx)
      try Tenants.set("approvals.second_person", secondPerson, tenant: tenant.id, in: tx)
    }
    tenant = try await application.tenant("default")
  }

  static func with(secondPerson: Bool = false, _ body: (ErasureHouse) async throws -> Void) async throws {
    let house = try await ErasureHouse(secondPerson: secondPerson)
    do {
      try await body(house)
      await house.close()
    } catch {
      await house.close()
      throw error
    }
  }

  /// With PostgreSQL's files below the home, as a home has them that names no database.
  static func withOwnDatabase(_ body: (ErasureHouse) async throws -> Void) async throws {
    let house = try await ErasureHouse(secondPerson: false, ownDatabase: true)
    do {
      try await body(house)
      await house.close()
    } catch {
      await house.close()
      throw error
    }
  }

  private func close() async {
    await application.close()
    // Where the database is the home's own, its watcher holds this lock until the server is down.
    let watch = open(home + "/postgres.watch.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    flock(watch, LOCK_EX)
    Glibc.close(watch)
    try? FileManager.default.removeItem(atPath: application.settings.home)
  }

  var home: String { application.settings.home }
  var database: PostgresPool { application.database }
  var now: Timestamp { clock.withLock { $0 } }
  func advance(days: Int64) { clock.withLock { $0 = $0.adding(seconds: days * Self.day) } }

  var retention: RetentionService {
    RetentionService(
      directory: application.directory(tenant), database: database, vault: application.vault,
      history: application.history, audit: application.audit, groups: 2, notices: notices, now: { self.now })
  }
  var holds: HoldService {
    HoldService(
      directory: application.directory(tenant), database: database, vault: application.vault,
      history: application.history, audit: application.audit, now: { self.now })
  }
  var exporter: Exporter { application.exporter(application.directory(tenant)) }
  var erasure: ErasureService { erasure {} }

  /// - Parameter before: done where files of packages are deleted, such as failing.
  func erasure(_ before: @escaping @Sendable () throws -> Void) -> ErasureService {
    let exporter = exporter
    return ErasureService(
      directory: application.directory(tenant), database: database, vault: application.vault,
      history: application.history, index: application.index, audit: application.audit,
      settings: ErasureService.Settings(home: home, groups: 2, backupWindowSeconds: 30 * Self.day),
      deletePackages: {
        try before()
        _ = try await exporter.deleteWithdrawn()
      }, purgeDeleted: { try await self.application.purgeDeleted(self.tenant, groups: $0) }, notices: notices,
      now: { self.now })
  }

  var notices: DeletionNotices {
    DeletionNotices(directory: application.directory(tenant), history: application.history)
  }
  /// What the parts go by that are the application's own.
  var realNow: Timestamp { Application.clock() }

  func set(_ entries: PolicyDocument.Entry...) async throws {
    let result = try await retention.set(PolicyDocument(policies: entries), actor: "admin")
    if result.effectiveAt > now { advance(days: 1) }
  }

  func hold(_ request: HoldRequest) async throws -> Int64 { try await holds.place(request, actor: "law") }

  func release(_ hold: Int64) async throws { try await holds.release(hold, reason: "settled", actor: "law") }

  /// Takes events in; the index follows.
  func deliver(_ lines: [String]) async throws {
    let directory = application.directory(tenant)
    let ingestor = Ingestor(
      directory: directory, database: database, vault: application.vault, settings: .init(groups: 2),
      notices: notices, now: Application.clock)
    let decoder = EventDecoder()
    var batch = IngestBatch(source: "test")
    for (number, line) in lines.enumerated() {
      let raw = Array(line.utf8)
      batch.items.append(IngestItem(line: Int64(number + 1), raw: raw, event: try decoder.decode(raw).event))
    }
    let result = try await ingestor.store(batch)
    guard result.setAsideCount == 0 else { throw HouseError(reason: "set aside: \(result.setAside)") }
    try await application.indexer.catchUp()
  }

  func archive(before time: Timestamp = Application.clock()) async throws {
    let archiver = application.archiver(tenant)
    _ = try await archiver.run(try await archiver.plan(before: time))
  }

  /// Takes in what contradicts what is there: all of it is set aside.
  func refuse(_ lines: [String]) async throws {
    let ingestor = application.ingestor(application.directory(tenant))
    let decoder = EventDecoder()
    var batch = IngestBatch(source: "refused")
    for (number, line) in lines.enumerated() {
      let raw = Array(line.utf8)
      batch.items.append(IngestItem(line: Int64(number + 1), raw: raw, event: try decoder.decode(raw).event))
    }
    guard try await ingestor.store(batch).setAsideCount == lines.count else {
      throw HouseError(reason: "not all was set aside")
    }
  }

  /// Requested, planned and approved; what is left is to run it.
  func approved(_ subject: String) async throws -> Int64 {
    let row = try await erasure.request(subject: subject, reason: "their wish", actor: "alice")
    _ = try await erasure.plan(row.id)
    try await erasure.approve(row.id, actor: "bob")
    return row.id
  }

  func states(_ ids: [String]) async throws -> [Locator.State] {
    let hasher = application.directory(tenant).hasher
    let keys = ids.map(hasher.messageKey)
    let found = try await database.transaction { tx in try Locators.find(keys, in: tx) }
    return keys.compactMap { found[$0]?.state }
  }

  func count(_ sql: String) async throws -> Int {
    try await database.transaction { tx in Int(try tx.execute(sql).int64(0, 0)) }
  }

  /// The lines of a package of what a hold covers.
  func evidence(_ hold: Int64) async throws -> String {
    let path = home + "/exports/evidence-\(hold)-\(Int.random(in: 0...Int.max))"
    _ = try await exporter.create(
      ExportSelection(hold: hold), formats: [.jsonl], output: path, actor: "law")
    var text = ""
    let walk = FileManager.default.enumerator(atPath: path)
    while let file = walk?.nextObject() as? String {
      guard file.hasSuffix("jsonl") else { continue }
      text += String(
        decoding: FileManager.default.contents(atPath: path + "/" + file) ?? Data(), as: UTF8.self)
    }
    return text
  }
}

struct HouseError: Error {
  let reason: String
}

/// Lines of the contract; days count from the first of January 2024.
enum Events {
  static func time(_ day: Int) -> String {
    ErasureHouse.start.adding(seconds: Int64(day) * ErasureHouse.day).rfc3339
  }

  static func message(
    _ id: String, _ sender: String, _ text: String, in conversation: String = "c", day: Int = 0
  )
    -> String
  {
    #"{"type":"message.created","message_id":"\#(id)","conversation_id":"\#(conversation)","sender_id":"\#(sender)","#
      + #""created_at":"\#(time(day))","body":{"plain":"\#(text)"},"#
      + #""tokens":{"mode":"plain","set":["\#(text.split(separator: " ")[0])"]}}"#
  }

  static func edit(
    _ id: String, _ editor: String, _ text: String, in conversation: String = "c", day: Int = 1
  )
    -> String
  {
    #"{"type":"message.edited","message_id":"\#(id)","conversation_id":"\#(conversation)","editor_id":"\#(editor)","#
      + #""edited_at":"\#(time(day))","version":1,"body":{"plain":"\#(text)"}}"#
  }

  static func delete(_ id: String, _ by: String, in conversation: String = "c", day: Int = 1) -> String {
    #"{"type":"message.deleted","message_id":"\#(id)","conversation_id":"\#(conversation)","deleted_by":"\#(by)","#
      + #""deleted_at":"\#(time(day))"}"#
  }

  static func join(_ subject: String, _ conversation: String = "c", day: Int = 0) -> String {
    #"{"type":"member.joined","conversation_id":"\#(conversation)","subject_id":"\#(subject)","at":"\#(time(day))"}"#
  }
}
