import AuditLog
import Catalog
import Foundation
import History
import Hummingbird
import Model
import Postgres

/// The audit log for those who check it; hashes are everybody's, entries only the tenant's own.
enum AuditRoutes {
  static let all = [
    Route.get("/v1/audit/checkpoint", roles, checkpoint),
    Route.get("/v1/audit/key", roles, key),
    Route.get("/v1/audit/consistency", roles, consistency),
    Route.post("/v1/audit/cosignatures", roles, cosign),
    Route.get("/v1/audit/entries", roles, entries),
    Route.get("/v1/audit/export", roles, export),
    Route.get("/v1/audit/proof/:n", roles, proof),
    Route.get("/v1/audit/tile/**", roles, tile),
  ]

  private static let roles: Set<Role> = [.auditor]

  /// The newest signed note; signs one where there is none yet.
  @Sendable private static func checkpoint(_ call: Call) async throws -> Response {
    let (audit, now) = (call.services.audit, call.services.now())
    let note = try await call.services.database.transaction { tx in
      try audit.lastCheckpoint(in: tx) ?? audit.checkpoint(in: tx, at: now)
    }
    return Reply.text(note)
  }

  private struct Entries: Encodable {
    struct Entry: Encodable {
      let index: Int64
      let appended_at: String
      /// Canonical JSON, the bytes that are hashed.
      let entry: String
    }
    let entries: [Entry]
    let next: Int64?
  }

  @Sendable private static func entries(_ call: Call) async throws -> Response {
    let from = try call.number("from", in: 0...Int.max, default: 0)
    let limit = try call.number("limit", in: 1...1_000, default: 100)
    let found = try await own(call, from: Int64(from), limit: limit)
    return Reply.json(
      Entries(
        entries: found.map {
          .init(
            index: $0.index, appended_at: $0.appendedAt.rfc3339,
            entry: String(decoding: $0.bytes, as: UTF8.self))
        }, next: found.count == limit ? found.last.map { $0.index + 1 } : nil))
  }

  private static func own(_ call: Call, from: Int64, limit: Int) async throws -> [RecordedEntry] {
    let (audit, tenant) = (call.services.audit, try await call.directory().tenant.id)
    return try await call.services.database.transaction { tx in
      try audit.entries(from: from, limit: limit, tenant: tenant, in: tx)
    }
  }

  @Sendable private static func proof(_ call: Call) async throws -> Response {
    guard let index = Int64(try call.parameter("n")), index >= 0,
      try await own(call, from: index, limit: 1).first?.index == index
    else { throw Problem(404, "unknown_entry", "the audit log has no such entry of this tenant") }
    let (audit, now) = (call.services.audit, call.services.now())
    let proof = try await call.services.database.transaction { tx in
      try audit.checkpoint(in: tx, at: now)
      return try audit.proof(of: index, in: tx)
    }
    return Reply.text(proof.text)
  }

  /// C2SP tlog-tiles. Bundles of entries are given only where all of them are the tenant's.
  @Sendable private static func tile(_ call: Call) async throws -> Response {
    guard let rest = call.request.uri.path.range(of: "/tile/"),
      let path = TilePath(parsing: "tile/" + call.request.uri.path[rest.upperBound...])
    else { throw Problem(404, "unknown_tile", "the path is not one of a tile") }
    if path.level == nil {
      let first = path.index.multipliedReportingOverflow(by: Int64(TilePath.widthMax))
      guard !first.overflow,
        try await own(call, from: first.partialValue, limit: path.width).last?.index
          == first.partialValue + Int64(path.width) - 1
      else { throw Problem(404, "unknown_tile", "there is no such bundle of entries of this tenant alone") }
    }
    let audit = call.services.audit
    let bytes = try await call.services.database.transaction { tx in try audit.tile(path, in: tx) }
    return Reply.bytes_(bytes, type: "application/octet-stream")
  }
}
