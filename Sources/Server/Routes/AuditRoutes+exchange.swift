import AuditLog
import Catalog
import Foundation
import History
import Hummingbird
import Model
import Postgres

/// What leaves the log for verifiers, witnesses and collectors, and what comes back.
extension AuditRoutes {
  @Sendable static func key(_ call: Call) async throws -> Response {
    _ = try await call.directory()
    return Reply.text(call.services.audit.key.verifierKey + "\n")
  }

  /// Body of `add-checkpoint` (C2SP tlog-witness), for the newest checkpoint.
  @Sendable static func consistency(_ call: Call) async throws -> Response {
    _ = try await call.directory()
    let old = try call.number("from", in: 0...Int.max, default: 0)
    let (audit, now) = (call.services.audit, call.services.now())
    let request = try await call.services.database.transaction { tx in
      try audit.checkpoint(in: tx, at: now)
      return try audit.witnessRequest(from: Int64(old), in: tx)
    }
    return Reply.text(request)
  }

  /// Signature lines of witnesses, alone or below a checkpoint.
  @Sendable static func cosign(_ call: Call) async throws -> Response {
    _ = try await call.directory()
    let size = try call.value("size").map { _ in try call.number("size", in: 0...Int.max, default: 0) }
    let text = String(decoding: try await call.body(), as: UTF8.self)
    let (audit, now) = (call.services.audit, call.services.now())
    let accepted = try await call.services.database.transaction { tx in
      try audit.acceptCosignatures(text, size: size.map(Int64.init), at: now, in: tx)
    }
    return Reply.json(["witnesses": accepted])
  }

  /// The tenant's entries as lines, as `muniment audit export` writes them. Parts in the clear are asked for, and
  /// that is an entry itself.
  @Sendable static func export(_ call: Call) async throws -> Response {
    let from = try call.number("from", in: 0...Int.max, default: 0)
    let limit = try call.number("limit", in: 1...AuditLog.pageMax, default: 1_000)
    let readable = call.value("readable") == "true"
    let directory = try await call.directory()
    let audit = call.services.audit
    let lines = try await call.services.database.read { tx in
      try audit.lines(
        from: Int64(from), limit: limit, tenant: directory.tenant.id, readable: readable, in: tx)
    }
    if readable, !lines.isEmpty {
      try await call.look(
        directory, "audit.exported", object: "audit",
        details: ["from": String(from), "entries": String(lines.count)])
    }
    return Reply.text(lines.map { $0.text + "\n" }.joined(), type: "application/x-ndjson")
  }
}
