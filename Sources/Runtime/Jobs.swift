import AuditLog
import Catalog
import Erasure
import Exporting
package import JobQueue
import KeyVault
import Model
import Postgres
import Retention
import SearchIndex
import Segments
import Sodium
import Tiering

/// A piece of regular work. `Jobs/<name>.json` says the same for people.
package enum Job: String, Sendable, CaseIterable {
  case nightly, archive, retention, compact, verify
  case keyRotation = "key-rotation"
  case checkpoint
  case setAsideExpiry = "set-aside-expiry"
  case exportExpiry = "export-expiry"
  case indexCompact = "index-compact"
  case indexCheck = "index-check"

  package var purpose: String {
    switch self {
    case .nightly:
      "archive, retention, compact, verify, key-rotation, checkpoint, set-aside-expiry, export-expiry, index-check and index-compact, one after the other"
    case .archive: "move messages older than archive.older_than into sealed segments"
    case .retention: "read messages for holds by query, and delete what policies say is due and no hold keeps"
    case .compact: "rewrite segments without dead lanes and deleted messages"
    case .verify: "check every segment of the archive; in the nightly job, the part that is due"
    case .keyRotation: "re-wrap the keys of shards with destroyed ones, and erase old key-encryption keys"
    case .checkpoint: "sign the state of the audit log"
    case .setAsideExpiry: "delete input that was set aside and has expired"
    case .exportExpiry: "delete packages of exports whose time is up; their records stay"
    case .indexCompact: "bring the search index into its smallest form, without a byte of what was deleted"
    case .indexCheck: "find and heal damage of the search index, and differences from the catalogue"
    }
  }

  /// What the nightly job does, in this order: what is archived is also subject to retention, keys that either
  /// destroyed are rotated out, and the checkpoint covers all of it.
  package static let nightlySteps: [Job] = [
    .archive, .retention, .compact, .verify, .keyRotation, .checkpoint, .setAsideExpiry, .exportExpiry,
    .indexCheck, .indexCompact,
  ]
}

/// What a run found and did.
package struct JobOutcome: Sendable, Hashable {
  package var due: Int64 = 0
  package var done: Int64 = 0
  package var blocked: Int64 = 0
  /// What somebody has to look into; `nil`: all is well.
  package var problem: String?

  package init(due: Int64 = 0, done: Int64 = 0, blocked: Int64 = 0, problem: String? = nil) {
    self.due = due
    self.done = done
    self.blocked = blocked
    self.problem = problem
  }

  /// A silent job is a bug: work that was due, was not blocked and did not happen is a problem.
  package var finding: String? {
    problem
      ?? (due > 0 && done == 0 && blocked == 0
        ? "\(due) were due, none was done, and nothing blocked it" : nil)
  }

  static func += (left: inout JobOutcome, right: JobOutcome) {
    left.due += right.due
    left.done += right.done
    left.blocked += right.blocked
    if let problem = right.problem {
      left.problem = [left.problem, problem].compactMap { $0 }.joined(separator: "; ")
    }
  }
}

extension Application {
  private static let jobLease = "job/"

  /// Begins a run for a slot; `nil` if the slot was done, or a run of it is under way.
  package func begin(_ job: Job, slot: String) async throws -> JobRun? {
    let (id, now) = (Randomness.identifier(), Self.clock())
    return try await database.transaction { tx in
      guard let id = try JobRuns.begin(id: id, name: job.rawValue, slot: slot, at: now, in: tx) else {
        return nil
      }
      return try JobRuns.find(id, in: tx)
    }
  }

  /// Carries a begun run out and records what came of it. One runner of a job at a time, on all machines.
  ///
  /// - Parameter isStep: whether it is part of a night, which does of some work only what is due.
  package func carryOut(_ job: Job, _ run: JobRun, actor: String, isStep: Bool = false) async throws -> JobRun
  {
    var outcome = JobOutcome()
    var failure: (any Error)?
    do {
      outcome = try await holding(Self.jobLease + job.rawValue) {
        try await perform(job, slot: run.slot, actor: actor, isStep: isStep)
      }
    } catch {
      outcome.problem = Self.words(for: error)
      failure = error
    }
    let (database, now, ended) = (database, Self.clock(), outcome)
    let finished = try await database.transaction { tx in
      try JobRuns.finish(
        run.id, due: ended.due, done: ended.done, blocked: ended.blocked, problem: ended.finding, at: now,
        in: tx)
      return try JobRuns.find(run.id, in: tx)
    }
    if let failure { throw failure }
    return finished ?? run
  }

  /// Errors of this program describe themselves without content; what others say could hold anything.
  private static func words(for error: any Error) -> String {
    switch error {
    case let error as PostgresError: error.description
    case let error as LeaseHeld: error.description
    case let error as TieringError: error.description
    case let error as SegmentStoreError: error.description
    case let error as RetentionError: error.description
    case let error as ExportError where error.code != .pathExists: error.code.rawValue
    case let error as KeyVaultError: error.description
    case let error as AuditError: error.description
    case let error as SearchIndexError: error.description
    default: "unexpected error: \(type(of: error))"
    }
  }

  /// Runs a job now, in a slot of its own.
  package func run(_ job: Job, actor: String) async throws -> JobRun {
    let slot = "manual-\(Handle.text("run", Randomness.identifier()))"
    // Asked first, so that a busy job is not recorded as a failed one.
    try await holding(Self.jobLease + job.rawValue) {}
    guard let run = try await begin(job, slot: slot) else { throw LeaseHeld(name: job.rawValue) }
    return try await carryOut(job, run, actor: actor)
  }

  private func perform(_ job: Job, slot: String, actor: String, isStep: Bool) async throws -> JobOutcome {
    switch job {
    case .nightly: return try await nightly(slot: slot, actor: actor)
    case .archive:
      let pace = pace()
      return try await forEachTenant { try await archive($0, pace) }
    case .retention: return try await forEachTenant { try await retain($0, actor: actor) }
    case .compact:
      let pace = pace()
      return try await forEachTenant { try await compact($0, pace) }
    case .verify:
      let scope = scrub(isStep: isStep)
      return try await forEachTenant { try await verify($0, scope) }
    case .keyRotation: return try await rotateKeys()
    case .checkpoint: return try await signCheckpoint()
    case .setAsideExpiry: return try await expireSetAside()
    case .exportExpiry: return try await forEachTenant { try await expireExports($0, actor: actor) }
    case .indexCompact: return try await compactIndex()
    case .indexCheck: return try await checkIndex()
    }
  }

  /// A step that fails does not keep the next ones from running; the night is then a failed one, and names it.
  private func nightly(slot: String, actor: String) async throws -> JobOutcome {
    var total = JobOutcome()
    for step in Job.nightlySteps where isOn(step) {
      guard let run = try await begin(step, slot: slot) else { continue }
      do {
        let finished = try await carryOut(step, run, actor: actor, isStep: true)
        let problem = finished.problem.map { "\(step.rawValue): \($0)" }
        total += JobOutcome(
          due: finished.due, done: finished.done, blocked: finished.blocked, problem: problem)
      } catch is CancellationError {
        throw CancellationError()
      } catch {
        total += JobOutcome(problem: "\(step.rawValue) failed; see `muniment job history`")
      }
    }
    return total
  }

  private func forEachTenant(_ body: (Tenant) async throws -> JobOutcome) async throws -> JobOutcome {
    var total = JobOutcome()
    for tenant in try await tenants(nil) { total += try await body(tenant) }
    return total
  }

  private func retain(_ tenant: Tenant, actor: String) async throws -> JobOutcome {
    // First, so that what holds by query do not find is not kept another night for want of reading.
    let unevaluated = try await holds(directory(tenant)).evaluateAll(actor: actor).failed
    let run = try await retention(directory(tenant)).apply(actor: actor)
    let keep = settings.deletions.keepSeconds
    try await retention(directory(tenant)).sweepNotices(before: Self.clock().adding(seconds: -keep))
    // What holds and floors kept of erased people goes as soon as nothing keeps it.
    _ = try await erasure(directory(tenant)).reconsiderAll(actor: actor)
    return JobOutcome(
      due: Int64(run.due), done: Int64(run.deleted), blocked: Int64(run.held + run.pending + run.inReview),
      problem: Self.words(unevaluated: unevaluated, run.problem))
  }

  private static func words(unevaluated: [Int64], _ problem: String?) -> String? {
    guard !unevaluated.isEmpty else { return problem }
    let names = unevaluated.prefix(5).map { Handle.text("hold", $0) }.joined(separator: ", ")
    let words =
      "\(unevaluated.count) holds by query could not be evaluated and keep all they cover: \(names); see "
      + "`muniment hold evaluate`"
    return [words, problem].compactMap { $0 }.joined(separator: "; ")
  }

  private func rotateKeys() async throws -> JobOutcome {
    let report = try await vault.rotate(now: Self.clock(), backupWindowSeconds: settings.backupWindowSeconds)
    let restored =
      report.restoredShards.isEmpty
      ? nil : "the database was restored from a backup; run `muniment erase replay`"
    return JobOutcome(
      due: Int64(report.keysRewrapped), done: Int64(report.keysRewrapped),
      blocked: Int64(report.restoredShards.count),
      problem: restored)
  }

  private func signCheckpoint() async throws -> JobOutcome {
    let (audit, now) = (audit, Self.clock())
    try await database.transaction { tx in _ = try audit.checkpoint(in: tx, at: now) }
    return JobOutcome(due: 1, done: 1)
  }

  private func expireExports(_ tenant: Tenant, actor: String) async throws -> JobOutcome {
    let run = try await exporter(directory(tenant)).expire(actor: actor)
    return JobOutcome(due: Int64(run.due), done: Int64(run.done), blocked: Int64(run.held))
  }

  private func expireSetAside() async throws -> JobOutcome {
    let now = Self.clock()
    let gone = try await database.transaction { tx in try SetAside.removeExpired(at: now, in: tx) }
    return JobOutcome(due: Int64(gone), done: Int64(gone))
  }
}
