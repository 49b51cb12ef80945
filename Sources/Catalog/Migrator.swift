package import Postgres

/// A change of the schema that is applied once, in order, and never edited afterwards.
package struct Migration: Sendable {
  package let number: Int64
  package let name: String
  package let script: String

  /// From the file names `NNNN_verb_noun.sql` of `Schemas/sql`, built into the program.
  package static let all: [Migration] = [
    Migration(1, "create_catalogue", PackageResources._001_create_catalogue_sql),
    Migration(2, "create_keys", PackageResources._002_create_keys_sql),
    Migration(3, "create_audit", PackageResources._003_create_audit_sql),
    Migration(4, "create_archive", PackageResources._004_create_archive_sql),
    Migration(5, "create_governance", PackageResources._005_create_governance_sql),
    Migration(6, "create_jobs", PackageResources._006_create_jobs_sql),
    Migration(7, "create_idempotency", PackageResources._007_create_idempotency_sql),
    Migration(10, "create_index_upkeep", PackageResources._010_create_index_upkeep_sql),
    Migration(11, "add_feed_time", PackageResources._011_add_feed_time_sql),
    Migration(13, "create_token_coverage", PackageResources._013_create_token_coverage_sql),
    Migration(16, "create_subject_token", PackageResources._016_create_subject_token_sql),
    Migration(17, "create_saved_search", PackageResources._017_create_saved_search_sql),
    Migration(18, "create_membership_version", PackageResources._018_create_membership_version_sql),
    Migration(19, "create_retention_label", PackageResources._019_create_retention_label_sql),
    Migration(20, "create_dictionaries", PackageResources._020_create_dictionaries_sql),
    Migration(21, "add_segment_verified", PackageResources._021_add_segment_verified_sql),
    Migration(22, "index_unfolded_edits", PackageResources._022_index_unfolded_edits_sql),
    Migration(23, "create_retention_event", PackageResources._023_create_retention_event_sql),
    Migration(26, "create_preservation", PackageResources._026_create_preservation_sql),
    Migration(27, "extend_erasure", PackageResources._027_extend_erasure_sql),
    Migration(28, "add_segment_deaths", PackageResources._028_add_segment_deaths_sql),
    Migration(29, "create_subject_request", PackageResources._029_create_subject_request_sql),
    Migration(30, "create_deletion_outbox", PackageResources._030_create_deletion_outbox_sql),
    Migration(31, "add_erasure_scope", PackageResources._031_add_erasure_scope_sql),
    Migration(32, "create_disposition_review", PackageResources._032_create_disposition_review_sql),
    Migration(33, "extend_audit", PackageResources._033_extend_audit_sql),
    Migration(34, "index_retention", PackageResources._034_index_retention_sql),
    Migration(35, "extend_export", PackageResources._035_extend_export_sql),
    Migration(36, "create_export_link", PackageResources._036_create_export_link_sql),
    Migration(37, "add_hold_query", PackageResources._037_add_hold_query_sql),
    Migration(39, "create_channel_version", PackageResources._039_create_channel_version_sql),
    Migration(40, "add_unattended_export", PackageResources._040_add_unattended_export_sql),
    Migration(41, "add_review_approval", PackageResources._041_add_review_approval_sql),
    Migration(43, "count_link_bytes", PackageResources._043_count_link_bytes_sql),
    Migration(45, "create_archive_head", PackageResources._045_create_archive_head_sql),
    Migration(46, "add_job_run_stopped", PackageResources._046_add_job_run_stopped_sql),
    Migration(47, "note_descriptions", PackageResources._047_note_descriptions_sql),
    Migration(48, "index_changes_by_time", PackageResources._048_index_changes_by_time_sql),
    Migration(51, "add_policy_approval", PackageResources._051_add_policy_approval_sql),
    Migration(52, "create_policy_preview", PackageResources._052_create_policy_preview_sql),
  ]

  package init(_ number: Int64, _ name: String, _ script: [UInt8]) {
    self.number = number
    self.name = name
    self.script = String(decoding: script, as: UTF8.self)
  }
}

/// Brings a database to the newest schema. Safe to run at once from several processes.
package struct Migrator: Sendable {
  private let migrations: [Migration]

  package init(_ migrations: [Migration] = Migration.all) { self.migrations = migrations }

  /// Applies what is missing and returns how many that were. Throws `CatalogError.schemaMismatch` if an applied
  /// file was edited or the database is newer than this program.
  @discardableResult
  package func run(on database: PostgresPool) async throws -> Int {
    let migrations = migrations
    return try await database.transaction { tx in
      // Serialises concurrent starters; released at the end of the transaction.
      try tx.execute("SELECT pg_advisory_xact_lock(7203014415)")
      try tx.execute(Statement.createMigrations)
      let rows = try tx.execute(Statement.appliedMigrations)
      let applied = Dictionary(
        uniqueKeysWithValues: (0..<rows.count).map { (rows.int64($0, 0), rows.text($0, 1)) })
      guard applied.keys.max() ?? 0 <= migrations.last?.number ?? 0 else {
        throw CatalogError(.schemaMismatch, "the database was written by a newer version of muniment")
      }
      var count = 0
      for migration in migrations {
        let checksum = Self.checksum(migration.script)
        if let known = applied[migration.number] {
          guard known == checksum else {
            throw CatalogError(
              .schemaMismatch, "migration \(migration.number) was changed after it was applied")
          }
          continue
        }
        try tx.executeScript(migration.script)
        try tx.execute(
          Statement.recordMigration, [.int8(migration.number), .text(migration.name), .text(checksum)])
        count += 1
      }
      return count
    }
  }

  /// FNV-1a over the script: guards against mistakes, not against an attacker.
  private static func checksum(_ script: String) -> String {
    String(
      script.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }, radix: 16)
  }

  private enum Statement {
    static let createMigrations = """
      CREATE TABLE IF NOT EXISTS schema_migration (
        number bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL)
      """
    static let appliedMigrations = "SELECT number, checksum FROM schema_migration"
    static let recordMigration =
      "INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES ($1, $2, $3, now())"
  }
}
