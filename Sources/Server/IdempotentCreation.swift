import Catalog
import History
import Hummingbird
import KeyVault
import Model
import Postgres
import Sodium

/// Makes a thing once for each `Idempotency-Key` of a caller. What is kept is a keyed hash of the key and of the
/// body, and the id of what was made: nothing that leads to a person.
struct IdempotentCreation: Sendable {
  let call: Call
  let path: String

  private static let header = "Idempotency-Key"
  /// How long a key is remembered, in seconds.
  private static let keptSeconds: Int64 = 86_400
  /// After this many seconds a creation that never ended is taken for dead.
  private static let abandonedSeconds: Int64 = 900

  func run(_ body: [UInt8], _ make: @Sendable (Call, [UInt8]) async throws -> String) async throws -> String {
    guard let key = call.request.headers.first(where: { $0.name.canonicalName == "idempotency-key" })?.value
    else {
      return try await make(call, body)
    }
    guard (1...255).contains(key.utf8.count) else {
      throw Problem.badRequest("\(Self.header) has 1 to 255 bytes")
    }
    let tenant = try await call.directory().tenant.id
    let secret = call.services.vault.derivedKey("idempotency/\(tenant.rawValue)")
    let row = Row(
      tenant: tenant,
      key: BLAKE2b.hash(Array("\(path)\u{0}\(call.principal.subject)\u{0}\(key)".utf8), key: secret),
      body: BLAKE2b.hash(body, key: secret))
    if let id = try await begin(row) { return id }
    let database = call.services.database
    let keep: @Sendable (String) async throws -> Void = { id in
      try await database.transaction { tx in _ = try tx.execute(Statement.finish, row.values + [.text(id)]) }
    }
    var call = call
    // What takes long is shown to who asks again, also after this process has died: it is not made twice.
    call.begun = keep
    do {
      let id = try await make(call, body)
      try await keep(id)
      return id
    } catch {
      // The key is free again where nothing was made; what was only interrupted can be gone on with.
      let isInterruption = error is CancellationError || (error as? PostgresError)?.isRetryable == true
      let statement = isInterruption ? Statement.remove : Statement.free
      _ = try? await database.transaction { tx in try tx.execute(statement, row.values) }
      throw error
    }
  }

  private struct Row: Sendable {
    let tenant: TenantID
    let key: [UInt8]
    let body: [UInt8]
    var values: [PostgresValue] { [.int8(tenant.rawValue), .bytes(key)] }
  }

  /// The id of what was made with the key before; `nil`: go ahead.
  private func begin(_ row: Row) async throws -> String? {
    let now = call.services.now()
    return try await call.services.database.transaction { tx in
      try tx.execute(
        Statement.expire, [.timestamp(microseconds: now.adding(seconds: -Self.keptSeconds).microseconds)])
      let begun = try tx.execute(
        Statement.begin,
        row.values + [
          .bytes(row.body), .timestamp(microseconds: now.microseconds),
          .timestamp(microseconds: now.adding(seconds: -Self.abandonedSeconds).microseconds),
        ])
      if begun.affected > 0 { return nil }
      let known = try tx.execute(Statement.find, row.values)
      guard known.count == 1, known.bytes(0, 0) == row.body else {
        throw Problem(422, "idempotency_key_reused", "this Idempotency-Key was used for another request")
      }
      guard let object = known.textOrNil(0, 1) else {
        throw Problem(409, "in_progress", "a request with this Idempotency-Key is still being carried out")
      }
      return object
    }
  }

  private enum Statement {
    static let expire = "DELETE FROM idempotency WHERE created_at < $1"
    static let begin = """
      INSERT INTO idempotency AS i (tenant_id, key_hash, body_hash, created_at) VALUES ($1, $2, $3, $4)
      ON CONFLICT (tenant_id, key_hash) DO UPDATE SET created_at = excluded.created_at
      WHERE i.object IS NULL AND i.body_hash = excluded.body_hash AND i.created_at < $5
      """
    static let find = "SELECT body_hash, object FROM idempotency WHERE tenant_id = $1 AND key_hash = $2"
    static let finish = "UPDATE idempotency SET object = $3 WHERE tenant_id = $1 AND key_hash = $2"
    static let remove = "DELETE FROM idempotency WHERE tenant_id = $1 AND key_hash = $2 AND object IS NULL"
    static let free = "DELETE FROM idempotency WHERE tenant_id = $1 AND key_hash = $2"
  }
}
