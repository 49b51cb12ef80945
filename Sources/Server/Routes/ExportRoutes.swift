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
    Route.create(
      "/v1/exports", roles, make: create, show: show,
      isMade: { $0.state != "running" || isWaiting($1) }),
    Route.post("/v1/exports/estimate", roles, estimate),
    Route.get("/v1/exports", roles, list),
    Route.get("/v1/exports/:id", roles) { call in Reply.json(try await show(call, try call.parameter("id")))
    },
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
    /// Bytes of a part, or words as `4G`: cuts the package.
    let split: Size?
    /// Whether the answer comes when the package is whole; it does if nothing is said.
    let wait: Bool?

    /// What is not among these is refused: a condition under a wrong name would select everything.
    enum CodingKeys: String, CodingKey, CaseIterable {
      case formats, subject, conversations, hold, from, to, recipients, query, context, threads, everything
      case split, wait
    }

    var isNarrow: Bool {
      subject != nil || conversations != nil || hold != nil || from != nil || to != nil || query != nil
    }
  }

  private struct Size: Decodable {
    let text: String

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      text = try (try? value.decode(Int64.self)).map { String($0) } ?? value.decode(String.self)
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
    let exporter = call.services.flows.exporter(directory)
    let packaging = try ExportPackaging(path: path, recipients: recipients)
    let partBytes = try (creating.split?.text).map(Exporter.partBytes)
    let selection = try await selection(creating, call, directory)
    guard creating.wait ?? true else {
      return try await exporter.prepare(
        selection, formats: Set(formats), output: path, as: packaging, partBytes: partBytes,
        actor: call.principal.subject, onStart: { try await call.begun($0) })
    }
    return try await exporter.create(
      selection, formats: Set(formats), output: path, as: packaging, partBytes: partBytes,
      actor: call.principal.subject, onStart: { try await call.begun($0) }
    ).id
  }

  /// What the same body would take in; how it is to be handed out is of no account.
  @Sendable private static func estimate(_ call: Call) async throws -> Response {
    let creating = try creating(call, try await call.body())
    let directory = try await call.directory()
    let exporter = call.services.flows.exporter(directory)
    let selection = try await selection(creating, call, directory)
    let estimate = try await exporter.estimate(selection)
    let report = ExportEstimateReport(
      estimate, try await exporter.custodians(selection), selection.query,
      try await exporter.storage(selection, messages: estimate.messages))
    try await call.look(
      directory, "export.estimated", object: "estimate",
      details: exporter.estimateDetails(selection, messages: estimate.messages))
    return Reply.json(report)
  }

  /// Who waits gets the export that a first request of theirs is still making as one that is made.
  private static func isWaiting(_ body: [UInt8]) -> Bool {
    (try? JSONDecoder().decode(Creating.self, from: Data(body)))?.wait ?? true
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

  /// Stops one that runs, removes the package of one that is done; the record stays, and is the answer.
  @Sendable private static func delete(_ call: Call) async throws -> Response {
    let exporter = call.services.flows.exporter(try await call.directory())
    return Reply.json(
      ExportReply(try await exporter.delete(try call.parameter("id"), actor: call.principal.subject)))
  }
}
