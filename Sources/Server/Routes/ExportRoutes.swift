import Catalog
import Exporting
import Foundation
import History
import Hummingbird
import Model
import Retention
import Sodium

/// Packages for courts, authorities and the people themselves, written below the home.
enum ExportRoutes {
  static let all = [
    Route.create("/v1/exports", roles, make: create, show: show),
    Route.get("/v1/exports", roles, list),
    Route.get("/v1/exports/:id", roles) { call in Reply.json(try await show(call, try call.parameter("id")))
    },
    Route.get("/v1/exports/:id/content", roles, content),
    Route(.delete, "/v1/exports/:id", roles, delete),
  ]

  static let roles: Set<Role> = [.compliance, .dpo]

  private struct Creating: Decodable {
    let formats: [String]?
    let subject: String?
    let conversations: [String]?
    let hold: String?
    let from: String?
    let to: String?
    let recipients: [String]?
    let query: String?
    /// A number of messages to each side of a hit, or `day`.
    let context: String?
    let threads: Bool?
    /// The whole tenant, where nothing else is said.
    let everything: Bool?

    /// What is not among these is refused: a condition under a wrong name would select everything.
    enum CodingKeys: String, CodingKey, CaseIterable {
      case formats, subject, conversations, hold, from, to, recipients, query, context, threads, everything
    }

    var isNarrow: Bool {
      subject != nil || conversations != nil || hold != nil || from != nil || to != nil || query != nil
    }
  }

  private static func creating(_ call: Call, _ body: [UInt8]) throws -> Creating {
    let creating = try call.decoded(Creating.self, from: body)
    let known = Set(Creating.CodingKeys.allCases.map(\.rawValue))
    let members = try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any] ?? [:]
    guard members.keys.allSatisfy(known.contains) else {
      let unknown = members.keys.filter { !known.contains($0) }.sorted().prefix(10).map {
        String($0.prefix(40))
      }
      throw Problem.badRequest(
        "unknown members: \(unknown.joined(separator: ", ")); known are \(known.sorted().joined(separator: ", "))"
      )
    }
    guard creating.isNarrow != (creating.everything == true) else {
      throw Problem.badRequest(
        creating.isNarrow
          ? "everything goes with no other condition"
          : "nothing is selected; \"everything\": true exports the whole tenant")
    }
    return creating
  }

  @Sendable private static func create(_ call: Call, _ body: [UInt8]) async throws -> String {
    let creating = try creating(call, body)
    let directory = try await call.directory()
    let names = creating.formats ?? [ExportFormat.jsonl.rawValue]
    let formats = names.compactMap(ExportFormat.init(rawValue:))
    guard formats.count == names.count, !formats.isEmpty else {
      throw Problem.unsupported(
        "formats takes \(ExportFormat.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    let folder = call.services.home + "/exports"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let recipients = try recipients(creating)
    let path = "\(folder)/\(Randomness.bytes(12).hex).zip" + (recipients.isEmpty ? "" : ".age")
    let record = try await call.services.flows.exporter(directory).create(
      try await selection(creating, call, directory), formats: Set(formats), output: path,
      as: try ExportPackaging(path: path, recipients: recipients), actor: call.principal.subject,
      onStart: { try await call.begun($0) })
    return record.id
  }

  private static func recipients(_ creating: Creating) throws -> [AgeRecipient] {
    do {
      return try (creating.recipients ?? []).map(AgeRecipient.init)
    } catch {
      throw Problem.badRequest("recipients: \(error)")
    }
  }

  private static func selection(_ creating: Creating, _ call: Call, _ directory: Directory) async throws
    -> ExportSelection
  {
    var selection = ExportSelection(
      from: try call.time(creating.from, "from"), to: try call.time(creating.to, "to"))
    if let id = creating.subject {
      guard let subject = try await directory.subject(id) else {
        throw ExportError(.unknownSubject, "nobody of that id is known")
      }
      selection.subject = subject
    }
    if let ids = creating.conversations {
      selection.conversations = []
      for id in ids {
        guard let card = try await directory.conversation(id) else {
          throw ExportError(.unknownConversation, "no conversation of that id is known")
        }
        selection.conversations?.append(card.conversation)
      }
    }
    if let hold = creating.hold {
      guard let number = Handle.number("hold", hold) else {
        throw ExportError(.unknownHold, "no hold of that id is known")
      }
      selection.hold = number
      // Of a hold by query, as little as can be goes out undecided.
      _ = try await call.services.flows.holds(directory).evaluate(number, actor: call.principal.subject)
    }
    return try await narrowed(selection, creating, call, directory)
  }

  private static func narrowed(
    _ selection: ExportSelection, _ creating: Creating, _ call: Call, _ directory: Directory
  ) async throws -> ExportSelection {
    guard let context = ExportQuery.Context(creating.context ?? "0") else {
      throw Problem.badRequest("context takes 0 to \(ExportQuery.Context.messagesMax), or day")
    }
    guard let query = creating.query else {
      guard context == .none, creating.threads != true else {
        throw Problem.badRequest("context and threads go with query")
      }
      return selection
    }
    let flows = call.services.flows
    return try await QuerySelection(search: flows.search(directory), exporter: flows.exporter(directory))
      .narrow(
        selection, subject: creating.subject, conversations: creating.conversations ?? [], query: query,
        context: context, threads: creating.threads ?? false)
  }

  @Sendable private static func show(_ call: Call, _ id: String) async throws -> ExportReply {
    ExportReply(try await call.services.flows.exporter(try await call.directory()).show(id))
  }

  @Sendable private static func list(_ call: Call) async throws -> Response {
    let records = try await call.services.flows.exporter(try await call.directory()).list()
    return Reply.json(["exports": records.map(ExportReply.init)])
  }

  /// The package, from any byte on.
  @Sendable private static func content(_ call: Call) async throws -> Response {
    let directory = try await call.directory()
    let record = try await call.services.flows.exporter(directory).show(try call.parameter("id"))
    let download = try download(of: record)
    let part = download.part(of: call.request)
    try await call.look(
      directory, "export.downloaded", object: record.id,
      details: [
        "manifest_sha256": record.manifestHash?.hex ?? "", "bytes": download.words(for: part),
      ])
    return download.response(part)
  }

  /// When to ask again for a package that is being packed.
  private static let packingSeconds = 5

  /// The package's file, if it is here and there.
  static func download(of record: ExportRecord) throws -> FileDownload {
    if let removal = record.removal {
      throw Problem(410, "package_\(removal.reason.rawValue)", "the package was \(removal.reason.rawValue)")
    }
    guard record.state == .completed, let path = record.path else {
      throw Problem(409, "not_completed", "this export has no package to give")
    }
    guard record.insideHome else {
      throw Problem(409, "not_here", "the package was written outside of this server's home")
    }
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      guard record.isPacking else {
        throw Problem(409, "not_here", "the package's file is not in this server's home, or is in parts")
      }
      var problem = Problem(409, "being_packed", "the package is made, and is being packed; ask again")
      problem.retryAfterSeconds = packingSeconds
      throw problem
    }
    guard !isDirectory.boolValue else {
      throw Problem(409, "not_a_file", "the package is a directory on the server, not a file")
    }
    let isEncrypted = path.hasSuffix(".age")
    return try FileDownload(
      path: path, name: record.id + (isEncrypted ? ".zip.age" : ".zip"),
      type: isEncrypted ? "application/octet-stream" : "application/zip",
      tag: "\(record.id)-\(record.manifestHash?.hex ?? "")")
  }

  /// Stops one that runs, removes the package of one that is done; the record stays, and is the answer.
  @Sendable private static func delete(_ call: Call) async throws -> Response {
    let exporter = call.services.flows.exporter(try await call.directory())
    return Reply.json(
      ExportReply(try await exporter.delete(try call.parameter("id"), actor: call.principal.subject)))
  }
}
