import Catalog
import Model
import Postgres
import TestSupport
import Testing

@Suite("Coverage of what an older catalogue holds")
struct CoverageMigrationTests {
  @Test("Spans and kinds become rows; generations and days that were not noted are told as not known")
  func migration() async throws {
    let database = try await TestDatabase.make()
    try await Migrator(Migration.all.filter { $0.number < 13 }).run(on: database.pool)
    try await database.pool.transaction { tx in
      try tx.executeScript(
        """
        INSERT INTO conversation (route_key, conversation_id, tenant_id, hash, kind, is_public, client_sealed, sealed,
          token_modes, unsearchable_from, unsearchable_to, updated_at) VALUES
          (1, 11, 5, '\\x01', 2, false, false, '\\x00', 3, '2024-03-02T10:00:00Z', '2024-03-04T09:00:00Z', now()),
          (2, 22, 5, '\\x02', 2, false, false, '\\x00', 0, NULL, NULL, now());
        INSERT INTO message_locator (route_key, message_low, tenant_id, conversation_route, conversation_id, sender_id,
          created_at, sequence, digest, state) VALUES
          (7, 1, 5, 1, 11, 3, '2024-03-01T23:59:59Z', 1, 0, 1), (7, 2, 5, 1, 11, 3, '2024-03-05T00:00:00Z', 2, 0, 1);
        """)
    }
    #expect(try await Migrator().run(on: database.pool) >= 1)
    let rows = try await database.pool.transaction { tx in
      try tx.execute(
        """
        SELECT conversation_id, mode, generation, days::text, first_at FROM token_coverage ORDER BY mode
        """)
    }
    // Days since 1970: 2024-03-01 is 19,783.
    let texts = (0..<rows.count).map { row in
      "\(rows.int64(row, 0)) \(rows.int64(row, 1)) \(rows.int64(row, 2)) \(rows.text(row, 3))"
    }
    #expect(
      texts == ["11 0 0 {[19784,19787)}", "11 1 0 {[19783,19788)}", "11 2 -1 {[19783,19788)}"])
    #expect(rows.timestampOrNil(0, 4) == Timestamp(civil: 2024, 3, 2).adding(seconds: 36_000).microseconds)
    let tenant = TenantID(rawValue: 5)
    let query = CoverageQuery(
      tenant: tenant, modes: [.none, .plain, .blinded], asked: [(ConversationID(rawValue: 11), 1)], limit: 10)
    let gaps = try await database.pool.transaction { tx in
      try SearchCoverage.gaps(query, conversations: nil, in: tx)
    }
    #expect(gaps.count == 3)
  }
}
