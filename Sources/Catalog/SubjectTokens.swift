package import Model
package import Postgres

/// By what people are found: keyed hashes of the words of their names and of the beginnings of these.
package enum SubjectTokens {
  /// All a person is found by.
  package struct Names: Sendable, Hashable {
    /// As `subject.token_modes`.
    package let modes: Int16
    package let tokens: [Int64]

    package init(modes: Int16, tokens: [Int64]) {
      self.modes = modes
      self.tokens = tokens
    }
  }

  /// To be called before anything else of a transaction that gives people names: such transactions of one tenant wait
  /// for each other here, as two that replaced one person's rows at once would leave those of both. The rows of the
  /// people are locked in the order in which others lock them, so that none waits in a circle.
  package static func lock(_ subjects: Set<SubjectID>, tenant: TenantID, in tx: borrowing Transaction) throws
  {
    guard !subjects.isEmpty else { return }
    try tx.execute("SELECT pg_advisory_xact_lock($1)", [.int8(7_203_014_417 &+ tenant.rawValue << 34)])
    try tx.execute(lockSubjects, [.int8(tenant.rawValue), .int8Array(subjects.map(\.rawValue))])
  }

  /// Returns those whose tokens are others than before.
  package static func replace(
    _ names: [SubjectID: Names], tenant: TenantID, in tx: borrowing Transaction
  ) throws -> Set<SubjectID> {
    guard !names.isEmpty else { return [] }
    let subjects = names.keys.sorted { $0.rawValue < $1.rawValue }
    let ids = PostgresValue.int8Array(subjects.map(\.rawValue))
    let modes = PostgresValue.int2Array(subjects.compactMap { names[$0]?.modes })
    let owners = subjects.flatMap { id in (names[id]?.tokens ?? []).map { _ in id.rawValue } }
    let pairs: [PostgresValue] = [
      .int8Array(owners), .int8Array(subjects.flatMap { names[$0]?.tokens ?? [] }),
    ]
    var changed: Set<SubjectID> = []
    for (statement, values) in [(setModes, [ids, modes]), (removeOther, [ids] + pairs), (insert, pairs)] {
      let rows = try tx.execute(statement, [.int8(tenant.rawValue)] + values)
      for row in 0..<rows.count { changed.insert(SubjectID(rawValue: rows.int64(row, 0))) }
    }
    return changed
  }

  package static func removeAll(of subject: SubjectID, tenant: TenantID, in tx: borrowing Transaction) throws
    -> Int
  {
    try tx.execute(
      "DELETE FROM subject_token WHERE tenant_id = $1 AND subject_id = $2",
      [.int8(tenant.rawValue), .int8(subject.rawValue)]
    ).affected
  }

  private static let lockSubjects = """
    SELECT 1 FROM subject WHERE tenant_id = $1 AND subject_id = ANY($2) ORDER BY subject_id FOR NO KEY UPDATE
    """
  private static let setModes = """
    UPDATE subject s SET token_modes = n.modes FROM unnest($2::bigint[], $3::smallint[]) AS n(id, modes)
    WHERE s.tenant_id = $1 AND s.subject_id = n.id AND s.token_modes <> n.modes RETURNING s.subject_id
    """
  private static let removeOther = """
    DELETE FROM subject_token t WHERE t.tenant_id = $1 AND t.subject_id = ANY($2) AND NOT EXISTS
      (SELECT 1 FROM unnest($3::bigint[], $4::bigint[]) AS n(id, token)
        WHERE n.id = t.subject_id AND n.token = t.token)
    RETURNING t.subject_id
    """
  private static let insert = """
    INSERT INTO subject_token (tenant_id, token, subject_id)
    SELECT $1, token, id FROM unnest($2::bigint[], $3::bigint[]) AS n(id, token) ORDER BY token, id
    ON CONFLICT DO NOTHING RETURNING subject_id
    """
}
