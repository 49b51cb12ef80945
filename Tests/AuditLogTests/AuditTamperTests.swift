import AuditLog
import Postgres
import Testing

/// What someone with the database in hand may try, and what gives it away.
struct AuditTamperTests {
  struct Attempt: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let sql: String
    /// The first entry the verification names.
    let entry: Int64?
  }

  @Test(
    "case 15: meddling with a log is found without any help",
    arguments: [
      Attempt(
        testDescription: "delete the last entry", sql: "DELETE FROM audit_entry WHERE entry_index = 9",
        entry: 9),
      Attempt(
        testDescription: "delete one in the middle", sql: "DELETE FROM audit_entry WHERE entry_index = 4",
        entry: 4),
      Attempt(
        testDescription: "swap two entries",
        sql: """
          UPDATE audit_entry a SET entry = b.entry FROM audit_entry b
          WHERE (a.entry_index, b.entry_index) IN ((3, 6), (6, 3))
          """, entry: 3),
      Attempt(
        testDescription: "change an entry",
        sql:
          "UPDATE audit_entry SET entry = replace(convert_from(entry, 'UTF8'), 'hold/5', 'hold/7')::bytea WHERE entry_index = 5",
        entry: 5),
      Attempt(
        testDescription: "change an entry and its leaf hash",
        sql: """
          UPDATE audit_entry SET entry = replace(convert_from(entry, 'UTF8'), 'hold/5', 'hold/7')::bytea
          WHERE entry_index = 5;
          UPDATE audit_node SET hash = sha256('\\x00'::bytea || (SELECT entry FROM audit_entry WHERE entry_index = 5))
          WHERE level = 0 AND node_index = 5;
          """, entry: 4),
      Attempt(
        testDescription: "add an entry past the head",
        sql:
          "INSERT INTO audit_entry SELECT 10, tenant_id, action, entry, appended_at FROM audit_entry WHERE entry_index = 9",
        entry: 10),
      Attempt(
        testDescription: "change the head's root", sql: "UPDATE audit_head SET root = sha256('x')", entry: nil
      ),
      Attempt(testDescription: "put the head back", sql: "UPDATE audit_head SET size = 9", entry: 9),
      Attempt(
        testDescription: "change a checkpoint",
        sql: "UPDATE audit_checkpoint SET note = replace(note, E'\\n6\\n', E'\\n5\\n')",
        entry: nil),
    ])
  func found(attempt: Attempt) async throws {
    let fixture = try await AuditFixture.make()
    try await fixture.append(6)
    _ = try await fixture.checkpoint()
    try await fixture.append(4)
    try await fixture.execute(attempt.sql)
    let result = try await fixture.verify()
    #expect(!result.isIntact)
    #expect(result.firstBadEntry == attempt.entry, "\(result.problems)")
  }

  @Test("A log rewritten with valid hashes is found by a checkpoint kept in it")
  func rewrittenWithStoredCheckpoint() async throws {
    let fixture = try await AuditFixture.make()
    try await fixture.append(6)
    _ = try await fixture.checkpoint()
    try await rewrite(fixture, keepingCheckpoints: true, count: 10)
    let result = try await fixture.verify()
    #expect(
      result.problems.map(\.description) == [
        "the kept checkpoint of size 6 does not match: entries 0..<6 were changed"
      ])
    await #expect(throws: AuditError.self) { try await fixture.checkpoint() }
  }

  @Test("A log rewritten from top to bottom is found by a checkpoint kept elsewhere", arguments: [4, 6, 10])
  func rewrittenWithForeignCheckpoint(count: Int) async throws {
    let fixture = try await AuditFixture.make()
    try await fixture.append(6)
    let kept = try await fixture.checkpoint()
    try await rewrite(fixture, keepingCheckpoints: false, count: count)
    _ = try await fixture.checkpoint()
    #expect(try await fixture.verify().isIntact)
    let result = try await fixture.verify(kept)
    #expect(result.problems.count == 1)
    #expect(result.firstBadEntry == (count < 6 ? 4 : 0), "\(result.problems)")
  }

  @Test("The last entries of a log, cut off with everything above them, are missed by a checkpoint")
  func truncated() async throws {
    let fixture = try await AuditFixture.make()
    try await fixture.append(5)
    let shorter = try await fixture.pool.transaction { [log = fixture.log] tx in try log.head(in: tx).root }
    try await fixture.append(1)
    let kept = try await fixture.checkpoint()
    let frontier =
      "(SELECT string_agg(hash, ''::bytea ORDER BY level DESC) FROM audit_node WHERE (level, node_index) IN ((2, 0), (0, 4)))"
    try await fixture.execute(
      """
      DELETE FROM audit_entry WHERE entry_index = 5; DELETE FROM audit_node WHERE level = 0 AND node_index = 5;
      DELETE FROM audit_node WHERE level = 1 AND node_index = 2;
      UPDATE audit_head SET size = 5, frontier = \(frontier), root = '\\x\(shorter.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())';
      """)
    let stored = try await fixture.verify()
    #expect(stored.firstBadEntry == 5, "\(stored.problems)")
    try await fixture.execute("DELETE FROM audit_checkpoint")
    #expect(try await fixture.verify().isIntact)
    #expect(try await fixture.verify(kept).firstBadEntry == 5)
  }

  /// Makes the log anew, with right hashes all the way up.
  private func rewrite(_ fixture: AuditFixture, keepingCheckpoints: Bool, count: Int) async throws {
    try await fixture.execute(
      """
      DELETE FROM audit_entry; DELETE FROM audit_node; DELETE FROM audit_personal;
      UPDATE audit_head SET size = 0, frontier = '', root = sha256('');
      """)
    if !keepingCheckpoints { try await fixture.execute("DELETE FROM audit_checkpoint") }
    try await fixture.append(count)
  }
}
