import Catalog
import Foundation
import History
import Ingestion
import Model
import Postgres
import Runtime
import Search
import SearchTokens
import TestSupport
import Tiering

/// A home of a test's own with two index groups, and events to fill it.
struct SearchHouse: Sendable {
  let application: Application
  let tenant: Tenant

  /// What is asked may take long on a machine that does everything else at the same time.
  static let patience = "search: {deadline_seconds: 3600}\n"

  init(settings: String = "index: {groups: 2}\n", publicChannels: Bool = true) async throws {
    let database = try await TestDatabase.make()
    let home = try TestDatabase.temporaryHome()
    try (settings + Self.patience).write(toFile: home + "/muniment.yaml", atomically: true, encoding: .utf8)
    application = try await Application.open(
      Settings(home: home, environment: ["MUNIMENT_DATABASE_URL": database.conninfo]), creating: true)
    try await application.database.transaction { tx in
      let tenant = try Tenants.ensure("default", at: Application.clock(), in: tx)
      try Tenants.set("search.public_channels", publicChannels, tenant: tenant.id, in: tx)
      try Tenants.set("approvals.second_person", false, tenant: tenant.id, in: tx)
    }
    tenant = try await application.tenant("default")
  }

  init(application: Application, tenant: Tenant) {
    self.application = application
    self.tenant = tenant
  }

  static func with(publicChannels: Bool = true, _ body: (SearchHouse) async throws -> Void) async throws {
    let house = try await SearchHouse(publicChannels: publicChannels)
    do {
      try await body(house)
      await house.close()
    } catch {
      await house.close()
      throw error
    }
  }

  func close() async {
    await application.close()
    try? FileManager.default.removeItem(atPath: application.settings.home)
  }

  /// Takes lines of the contract in, and brings the index up to them.
  func deliver(_ lines: [String]) async throws {
    try await store(lines)
    try await application.indexer.catchUp()
  }

  func store(_ lines: [String]) async throws {
    let ingestor = application.ingestor(application.directory(tenant))
    let decoder = EventDecoder()
    for start in stride(from: 0, to: lines.count, by: 1_000) {
      var batch = IngestBatch(source: "test")
      for (number, line) in lines.enumerated().dropFirst(start).prefix(1_000) {
        let raw = Array(line.utf8)
        let decoded = try decoder.decode(raw)
        batch.items.append(
          IngestItem(
            line: Int64(number + 1), raw: raw, event: decoded.event, eventID: decoded.eventID))
      }
      let result = try await ingestor.store(batch)
      guard result.setAsideCount == 0 else { throw SetAsideError(codes: result.setAside.map(\.code)) }
    }
  }

  /// Moves everything there is into the archive.
  func archive() async throws {
    let archiver = application.archiver(tenant)
    _ = try await archiver.run(try await archiver.plan(before: Application.clock()))
  }

  func reader(_ name: String) async throws -> Reader {
    let subject = try await application.directory(tenant).subject(name)
    guard let subject else { throw HouseError("nobody is called \(name)") }
    return .member(subject)
  }

  func search(_ request: SearchRequest, as name: String) async throws -> SearchReply {
    try await application.search(application.directory(tenant))
      .search(request, reader: try await reader(name))
  }

  /// The ids that a query of the query language finds, sorted by name.
  func find(
    _ query: String, as name: String?, adjust: (inout SearchRequest) -> Void = { _ in }
  ) async throws -> [String] {
    var request = try SearchRequest(ParsedQuery(query))
    adjust(&request)
    let search = application.search(application.directory(tenant))
    let reader = if let name { try await reader(name) } else { Reader.compliance }
    return try await search.search(request, reader: reader).hits.map(\.messageID).sorted()
  }
}

/// Lines that were to go through did not.
struct SetAsideError: Error, Equatable {
  let codes: [String]
}

struct HouseError: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

/// Lines of the contract. Days count from 1 January 2024.
enum Events {
  static func time(_ day: Int, _ second: Int = 0) -> String {
    Timestamp(seconds: 1_704_067_200 + Int64(day) * 86_400 + Int64(second)).rfc3339
  }

  static func conversation(_ id: String, kind: String = "group", visibility: String = "private") -> String {
    #"{"type":"conversation.upserted","conversation_id":"\#(id)","kind":"\#(kind)","visibility":"\#(visibility)"}"#
  }

  static func join(_ subject: String, _ conversation: String, _ day: Int, from: Int? = nil) -> String {
    let from = from.map { #","sees_history_from":"\#(time($0))""# } ?? ""
    return
      #"{"type":"member.joined","conversation_id":"\#(conversation)","subject_id":"\#(subject)","at":"\#(time(day))"\#(from)}"#
  }

  static func leave(_ subject: String, _ conversation: String, _ day: Int) -> String {
    #"{"type":"member.left","conversation_id":"\#(conversation)","subject_id":"\#(subject)","at":"\#(time(day))"}"#
  }

  /// - Parameter more: further keys, each with a comma before it.
  static func message(
    _ id: String, _ conversation: String, _ sender: String, _ day: Int, _ text: String, second: Int = 0,
    flags: [String] = [], more: String = ""
  ) -> String {
    #"{"type":"message.created","message_id":"\#(id)","conversation_id":"\#(conversation)","sender_id":"\#(sender)","#
      + #""created_at":"\#(time(day, second))","body":{"plain":"\#(text)"},"#
      + #""tokens":\#(tokens(text, flags))\#(more)}"#
  }

  static func edit(
    _ id: String, _ conversation: String, _ editor: String, _ day: Int, version: Int, _ text: String
  )
    -> String
  {
    #"{"type":"message.edited","message_id":"\#(id)","conversation_id":"\#(conversation)","editor_id":"\#(editor)","#
      + #""edited_at":"\#(time(day))","version":\#(version),"body":{"plain":"\#(text)"},"tokens":\#(tokens(text, []))}"#
  }

  /// A sealed message with blinded tokens.
  static func blinded(_ id: String, _ conversation: String, _ sender: String, _ day: Int, _ tokens: [String])
    -> String
  {
    let set = tokens.map { "\"\($0)\"" }.joined(separator: ",")
    return
      #"{"type":"message.created","message_id":"\#(id)","conversation_id":"\#(conversation)","sender_id":"\#(sender)","#
      + #""created_at":"\#(time(day))","body":{"sealed":"AAEC"},"#
      + #""tokens":{"mode":"blinded","generation":1,"set":[\#(set)]}}"#
  }

  static func delete(_ id: String, _ conversation: String, _ by: String, _ day: Int) -> String {
    #"{"type":"message.deleted","message_id":"\#(id)","conversation_id":"\#(conversation)","deleted_by":"\#(by)","#
      + #""deleted_at":"\#(time(day))"}"#
  }

  static func reaction(_ type: String, _ id: String, _ conversation: String, _ by: String, _ day: Int)
    -> String
  {
    #"{"type":"reaction.\#(type)","message_id":"\#(id)","conversation_id":"\#(conversation)","subject_id":"\#(by)","#
      + #""name":"+1","at":"\#(time(day))"}"#
  }

  private static func tokens(_ text: String, _ flags: [String]) -> String {
    let words = text.split(separator: " ").map { "\"\($0)\"" }.joined(separator: ",")
    let flags = flags.map { "\"\($0)\"" }.joined(separator: ",")
    return #"{"mode":"plain","sequence":[\#(words)],"flags":[\#(flags)]}"#
  }
}
