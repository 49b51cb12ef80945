package import Model
package import Postgres

/// One run of a job: what was due, done, blocked, and what went wrong.
package struct JobRun: Sendable {
  package let id: Int64
  package let name: String
  /// What the run was for, such as the night it belongs to; there is one run a slot.
  package let slot: String
  package let state: String
  package let startedAt: Timestamp
  package let finishedAt: Timestamp?
  package let due: Int64
  package let done: Int64
  package let blocked: Int64
  package let problem: String?
  /// Whether its time was up before all was done.
  package let isStopped: Bool
}

package enum JobRuns {
  /// Begins a run unless its slot has one that completed or is running; a failed one is begun anew.
  package static func begin(
    id: Int64, name: String, slot: String, at now: Timestamp, in tx: borrowing Transaction
  ) throws -> Int64? {
    let rows = try tx.execute(
      begin, [.int8(id), .text(name), .text(slot), .timestamp(microseconds: now.microseconds)])
    return rows.count == 0 ? nil : rows.int64(0, 0)
  }

  /// How the lease is called that whoever runs a job holds.
  package static let leasePrefix = "job/"
  /// A run that began so long ago and whose job nobody runs has died, in seconds: a lease lasts 30.
  private static let silenceSeconds: Int64 = 120

  /// Runs of a job, or of all, that say they are running while their process is gone. One that was asked for waits for
  /// others first, and is given a day.
  package static func dead(name: String? = nil, at now: Timestamp, in tx: borrowing Transaction) throws
    -> [JobRun]
  {
    let rows = try tx.execute(
      select + " j WHERE \(isDead) ORDER BY started_at, run_id LIMIT 100", deadValues(name, now))
    return (0..<rows.count).map { run(rows, $0) }
  }

  /// Ends such runs: their slots are free again.
  package static func bury(name: String, at now: Timestamp, in tx: borrowing Transaction) throws {
    try tx.execute(
      """
      UPDATE job_run j SET state = 'failed', finished_at = $2,
        problem = 'the process that ran it ended before it was done'
      WHERE \(isDead)
      """, deadValues(name, now))
  }

  private static func deadValues(_ name: String?, _ now: Timestamp) -> [PostgresValue] {
    [
      name.map { .text($0) } ?? .null, .timestamp(microseconds: now.microseconds),
      .int8(silenceSeconds), .text(leasePrefix),
    ]
  }

  package static func finish(
    _ id: Int64, due: Int64, done: Int64, blocked: Int64, problem: String?, stopped: Bool = false,
    at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    try tx.execute(
      finish,
      [
        .int8(id), .text(problem == nil ? "completed" : "failed"), .timestamp(microseconds: now.microseconds),
        .int8(due), .int8(done), .int8(blocked), problem.map { .text($0) } ?? .null,
        .bool(stopped),
      ])
  }

  /// Newest first.
  package static func history(name: String? = nil, limit: Int, in tx: borrowing Transaction) throws
    -> [JobRun]
  {
    let rows = try tx.execute(history, [name.map { .text($0) } ?? .null, .int8(Int64(limit))])
    return (0..<rows.count).map { run(rows, $0) }
  }

  package static func find(_ id: Int64, in tx: borrowing Transaction) throws -> JobRun? {
    let rows = try tx.execute(select + " WHERE run_id = $1", [.int8(id)])
    return rows.count == 0 ? nil : run(rows, 0)
  }

  private static func run(_ rows: PostgresRows, _ row: Int) -> JobRun {
    JobRun(
      id: rows.int64(row, 0), name: rows.text(row, 1), slot: rows.text(row, 2), state: rows.text(row, 3),
      startedAt: Timestamp(microseconds: rows.timestamp(row, 4)),
      finishedAt: rows.timestampOrNil(row, 5).map { Timestamp(microseconds: $0) }, due: rows.int64(row, 6),
      done: rows.int64(row, 7), blocked: rows.int64(row, 8), problem: rows.textOrNil(row, 9),
      isStopped: rows.bool(row, 10))
  }

  private static let select =
    "SELECT run_id, name, slot, state, started_at, finished_at, due, done, blocked, problem, stopped FROM job_run"
  private static let history =
    select + " WHERE $1::text IS NULL OR name = $1 ORDER BY started_at DESC, run_id LIMIT $2"
  private static let isDead = """
    j.state = 'running' AND ($1::text IS NULL OR j.name = $1)
      AND j.started_at < $2::timestamptz - CASE WHEN j.slot LIKE 'asked-%' THEN interval '1 day'
        ELSE make_interval(secs => $3::bigint) END
      AND NOT EXISTS (SELECT 1 FROM lease l WHERE l.name = $4 || j.name AND l.expires_at > now())
    """
  // A run that says it is running but began more than a day ago died: its slot is free again.
  private static let begin = """
    INSERT INTO job_run AS j (run_id, name, slot, state, started_at) VALUES ($1, $2, $3, 'running', $4)
    ON CONFLICT (name, slot) DO UPDATE SET state = 'running', started_at = excluded.started_at, finished_at = NULL,
      problem = NULL, stopped = false
    WHERE j.state = 'failed' OR (j.state = 'running' AND j.started_at < excluded.started_at - interval '1 day')
    RETURNING run_id
    """
  private static let finish = """
    UPDATE job_run SET state = $2, finished_at = $3, due = $4, done = $5, blocked = $6, problem = $7, stopped = $8
    WHERE run_id = $1
    """
}
