package import Model
import Postgres

extension KeyVault {
  /// A page of a tenant's owners that have keys, in the order of the table, after one of them.
  package func owners(
    of tenant: TenantID, kinds: [KeyOwner.Kind], after owner: KeyOwner?, limit: Int
  ) async throws -> [KeyOwner] {
    precondition((1...Self.batchMax).contains(limit))
    let last = owner.map(KeyPlace.init)
    let values: [PostgresValue] = [
      .int8(tenant.rawValue), .int2Array(kinds.map(\.rawValue)), .int2(last?.shard ?? -1),
      .int2(last?.kind ?? 0), .int8(last?.high ?? .min), .int8(last?.low ?? .min), .int8(Int64(limit)),
    ]
    return try await database.read { tx in
      let rows = try tx.execute(KeyStatement.ofTenant, values)
      return (0..<rows.count).compactMap { row in
        KeyPlace(
          shard: Int16(rows.int64(row, 0)), kind: Int16(rows.int64(row, 1)), tenant: rows.int64(row, 2),
          high: rows.int64(row, 3), low: rows.int64(row, 4)
        ).owner
      }
    }
  }
}
