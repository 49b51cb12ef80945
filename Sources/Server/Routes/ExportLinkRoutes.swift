import Catalog
import Exporting
import Foundation
import History
import Hummingbird
import Model
import Postgres
import Sodium

/// Links that let somebody without an access token fetch one package, for a while and so many times.
enum ExportLinkRoutes {
  static let all = [
    Route.post("/v1/exports/:id/links", ExportRoutes.roles, make),
    Route.get("/v1/exports/:id/links", ExportRoutes.roles, list),
    Route(.delete, "/v1/exports/:id/links/:link", ExportRoutes.roles, revoke),
    Route(.get, "/v1/downloads/:token", nil, download),
  ]

  private static let secondsDefault: Int64 = 86_400

  private struct Making: Decodable {
    let seconds: Int64?
    let uses: Int?
  }

  private struct LinkReply: Encodable {
    let id: String
    let export: String
    /// Told once, to whoever makes the link.
    let url: String?
    let createdBy: String
    let createdAt: String
    let expiresAt: String
    let uses: Int
    let usesMax: Int
    let revokedAt: String?

    init(_ link: ExportLink) {
      id = link.id
      export = link.export
      url = link.token.map { "/v1/downloads/\($0)" }
      createdBy = link.createdBy
      createdAt = link.createdAt.rfc3339
      expiresAt = link.expiresAt.rfc3339
      uses = link.uses
      usesMax = link.usesMax
      revokedAt = link.revokedAt?.rfc3339
    }

    enum CodingKeys: String, CodingKey {
      case id, export, url, uses
      case createdBy = "created_by"
      case createdAt = "created_at"
      case expiresAt = "expires_at"
      case usesMax = "uses_max"
      case revokedAt = "revoked_at"
    }
  }

  /// Not with `Idempotency-Key`: the link is told once, and kept nowhere.
  @Sendable private static func make(_ call: Call) async throws -> Response {
    let body = try await call.body()
    let making = body.isEmpty ? Making(seconds: nil, uses: nil) : try call.decoded(Making.self, from: body)
    let exporter = call.services.flows.exporter(try await call.directory())
    let link = try await exporter.makeLink(
      try call.parameter("id"), seconds: making.seconds ?? secondsDefault, uses: making.uses ?? 1,
      actor: call.principal.subject)
    var response = Reply.json(LinkReply(link), status: .created)
    response.headers[.cacheControl] = "no-store"
    return response
  }

  @Sendable private static func list(_ call: Call) async throws -> Response {
    let links = try await call.services.flows.exporter(try await call.directory())
      .links(try call.parameter("id"))
    return Reply.json(["links": links.map(LinkReply.init)])
  }

  @Sendable private static func revoke(_ call: Call) async throws -> Response {
    try await call.services.flows.exporter(try await call.directory()).revokeLink(
      try call.parameter("link"), of: try call.parameter("id"), actor: call.principal.subject)
    return Response(status: .noContent)
  }

  /// One answer for all that is not a link in force, so that nothing can be learnt by trying.
  private static let gone = Problem(
    404, "unknown_link", "the link is not in force: used up, over, revoked or none")

  /// The package, by its link alone. A download that goes on where it broke off takes no further use.
  @Sendable private static func download(_ call: Call) async throws -> Response {
    let services = call.services
    let (hash, now) = (Exporter.linkHash(try call.parameter("token"), services.vault), services.now())
    let found = try await services.database.read { tx in
      let link = try ExportLinks.find(hash: hash, in: tx)
      return try link.map { ($0, try Tenants.find($0.tenant, in: tx)) }
    }
    guard let (row, tenant) = found, let tenant, row.revokedAt == nil, now < row.expiresAt else { throw gone }
    let directory = Directory(tenant: tenant, database: services.database, vault: services.vault)
    let exporter = services.flows.exporter(directory)
    let link = try exporter.link(row, token: nil)
    let record = try await exporter.show(link.export)
    let file = try ExportContentRoutes.download(of: record)
    let part = file.part(of: call.request)
    let asked = file.range(of: part)
    // What asks for nothing that is there takes nothing.
    if part != .none {
      let taking = ExportLinks.Taking(
        isStart: asked.lowerBound == 0, bytes: Int64(asked.count), size: Int64(file.size))
      let taken = try await services.database.transaction { tx in
        try ExportLinks.take(hash: hash, taking, at: now, in: tx) != nil
      }
      guard taken else { throw gone }
    }
    try await call.look(
      directory, "export.downloaded", object: record.id,
      details: [
        "manifest_sha256": record.manifestHash?.hex ?? "", "bytes": file.words(for: part), "link": link.id,
      ], personal: ["link_made_by": link.createdBy])
    return file.response(part) { sent in
      let left = Int64(asked.count - sent)
      guard left > 0 else { return }
      // Not as a part of the request, which is over. If it fails the link has less to give.
      let database = services.database
      await Task {
        _ = try? await database.transaction { tx in try ExportLinks.giveBack(left, to: row.id, in: tx) }
      }.value
    }
  }
}
