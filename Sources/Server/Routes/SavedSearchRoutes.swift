import Foundation
import History
import Hummingbird
import Model
package import Search

/// Searches that are kept: a member's own, and for compliance those of a case, which is a legal hold.
enum SavedSearchRoutes {
  static let all = [
    Route.create(path, roles, make: save, show: show),
    Route.get(path, roles, list),
    Route.get(path + "/:id", roles) { call in Reply.json(try await found(call).reply) },
    Route(.delete, path + "/:id", roles, delete),
    Route.post(path + "/:id/run", roles, run),
  ]

  private static let path = "/v1/search/saved"
  private static let roles = MessageRoutes.readers

  private struct SavedReply: Encodable {
    let id: String
    let name: String
    let hold: String?
    let search: AnyJSON
    let createdAt: String

    enum CodingKeys: String, CodingKey {
      case id, name, hold, search
      case createdAt = "created_at"
    }

    init(_ saved: SavedSearch) throws {
      id = saved.handle
      name = saved.name
      if case .hold(let number) = saved.owner { hold = Handle.text("hold", number) } else { hold = nil }
      search = try AnyJSON(parsing: String(decoding: saved.search, as: UTF8.self))
      createdAt = saved.createdAt.rfc3339
    }
  }

  private struct Saving: Decodable {
    let name: String
    /// For compliance: the case.
    let hold: String?
    /// As the body of `POST /v1/search`.
    let search: AnyJSON
  }

  private struct Running: Decodable {
    let limit: Int?
    let cursor: String?
  }

  /// What a call works with.
  private struct Scene {
    let directory: Directory
    let reader: Reader
    let searches: SavedSearches
  }

  private static func scene(_ call: Call) async throws -> Scene {
    let directory = try await call.directory()
    let searches = SavedSearches(
      directory: directory, database: call.services.database, vault: call.services.vault,
      now: call.services.now)
    return Scene(directory: directory, reader: try await call.reader(directory), searches: searches)
  }

  /// Compliance keeps searches for a case only, so that they end with it and colleagues see them.
  private static func owner(_ reader: Reader, hold: String?) throws -> SavedSearches.Owner {
    switch (reader, hold) {
    case (.member(let subject), nil): return .member(subject)
    case (.member, _?): throw Problem.badRequest("hold is for compliance; a member's searches are their own")
    case (.compliance, nil): throw Problem.badRequest("name the case the search belongs to: hold")
    case (.compliance, let hold?):
      guard let number = Handle.number("hold", hold) else {
        throw Problem(404, "unknown_hold", "there is no hold of that id")
      }
      return .hold(number)
    }
  }

  @Sendable private static func save(_ call: Call, _ body: [UInt8]) async throws -> String {
    let saving = try call.decoded(Saving.self, from: body)
    let search = try Array(JSONEncoder().encode(saving.search))
    // What could not be run is not kept.
    _ = try SearchRoutes.request(of: search)
    let scene = try await scene(call)
    let owner = try owner(scene.reader, hold: saving.hold)
    let saved = try await scene.searches.save(saving.name, search, owner: owner)
    try await look(call, scene, "search.saved", saved.handle)
    return saved.handle
  }

  @Sendable private static func show(_ call: Call, _ id: String) async throws -> SavedReply {
    let scene = try await scene(call)
    return try SavedReply(try await scene.searches.find(number(id), reader: scene.reader))
  }

  @Sendable private static func list(_ call: Call) async throws -> Response {
    let scene = try await scene(call)
    let hold = call.value("hold")
    let saved = try await scene.searches.list(owner: owner(scene.reader, hold: hold))
    try await look(call, scene, "saved_searches.listed", hold ?? "saved")
    return Reply.json(["saved": try saved.map { try SavedReply($0) }])
  }

  private static func found(_ call: Call) async throws -> (saved: SavedSearch, reply: SavedReply) {
    let scene = try await scene(call)
    let saved = try await scene.searches.find(number(call.parameter("id")), reader: scene.reader)
    try await look(call, scene, "saved_search.viewed", saved.handle)
    return (saved, try SavedReply(saved))
  }

  @Sendable private static func delete(_ call: Call) async throws -> Response {
    let scene = try await scene(call)
    let id = try number(call.parameter("id"))
    try await scene.searches.delete(id, reader: scene.reader)
    try await look(call, scene, "saved_search.deleted", Handle.text("saved", id))
    return Response(status: .noContent)
  }

  /// The search as it was kept, asked anew as whoever asks now.
  @Sendable private static func run(_ call: Call) async throws -> Response {
    let bytes = try await call.body()
    let page = bytes.isEmpty ? nil : try call.decoded(Running.self, from: bytes)
    let asked = try SearchRoutes.request(of: try await found(call).saved.search)
    var request = asked.request
    request.limit = page?.limit ?? request.limit
    request.cursor = try page?.cursor.map { try Cursor(text: $0) } ?? request.cursor
    return try await SearchRoutes.search(request, asked.parsed, call)
  }

  private static func number(_ id: String) throws -> Int64 {
    guard let number = Handle.number("saved", id) else {
      throw Problem(404, "unknown_saved_search", "there is no such saved search, or it is not yours to see")
    }
    return number
  }

  private static func look(_ call: Call, _ scene: Scene, _ action: String, _ object: String) async throws {
    guard scene.reader == .compliance else { return }
    try await call.look(scene.directory, action, object: object)
  }
}

/// For commands, which keep and run the same searches.
package enum SavedSearchBody {
  /// The request that a kept search stands for.
  package static func request(_ search: [UInt8]) throws -> SearchRequest {
    try SearchRoutes.request(of: search).request
  }
}
