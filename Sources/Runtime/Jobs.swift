import AuditLog
import Blocking
import Catalog
import Erasure
import Exporting
package import JobQueue
import KeyVault
package import Model
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
    case .retention:
      "read messages for holds by query, delete what policies say is due and no hold keeps, and destroy the keys of months of which nothing is left"
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
  /// Whether the time was up before all was done.
  package var isStopped = false

  package init(
    due: Int64 = 0, done: Int64 = 0, blocked: Int64 = 0, problem: String? = nil, isStopped: Bool = false
  ) {
    self.due = due
    self.done = done
    self.blocked = blocked
    self.problem = problem
    self.isStopped = isStopped
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
    left.isStopped = left.isStopped || right.isStopped
    if let problem = right.problem {
      left.problem = [left.problem, problem].compactMap { $0 }.joined(separator: "; ")
    }
  }
}

/// What the steps of one night have in common.
package struct Night: Sendable {
  /// When its steps for the archive stop; `nil`: when they are done.
  package let archiveEnd: Timestamp?
}

extension Application {
  /// Runs the body as the one runner of a job's work, on all machines.
  package func holding<R: Sendable>(_ job: Job, _ body: @escaping @Sendable () async throws -> R) async throws
    -> R
  {
    try await holding(JobRuns.leasePrefix + job.rawValue, body)
  }

  /// Begins a run for a slot; `nil` if the slot was done, or a run of it is under way.
  package func begin(_ job: Job, slot: String) async throws -> JobRun? {
    let (id, now) = (Randomness.identifier(), Self.clock())
    return try await database.transaction { tx in
      // A night whose process was killed is begun anew, by whoever comes next.
      try JobRuns.bury(name: job.rawValue, at: now, in: tx)
      guard let id = try JobRuns.begin(id: id, name: job.rawValue, slot: slot, at: now, in: tx) else {
        return nil
      }
      return try JobRuns.find(id, in: tx)
    }
  }

  /// Carries a begun run out and records what came of it. One runner of a job at a time, on all machines.
  ///
  /// - Parameter night: of which it is a step; a night does of some work only what is due.
  package func carryOut(_ job: Job, _ run: JobRun, actor: String, in night: Night? = nil) async throws
    -> JobRun
  {
    var outcome = JobOutcome()
    var failure: (any Error)?
    do {
      outcome = try await holding(job) {
        try await runAsLongWork { try await self.perform(job, slot: run.slot, actor: actor, in: night) }
      }
    } catch {
      outcome.problem = Self.words(for: error)
      failure = error
    }
    let (database, now, ended) = (database, Self.clock(), outcome)
    let finished = try await database.transaction { tx in
      try JobRuns.finish(
        run.id, due: ended.due, done: ended.done, blocked: ended.blocked, problem: ended.finding,
        stopped: ended.isStopped, at: now, in: tx)
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
    case let error as LeaseLost: error.description
    case let error as TieringError: error.description
    case let error as SegmentStoreError: error.description
    case let error as RetentionError: error.description
    case let error as ExportError where error.code != .pathExists: error.code.rawValue
    case let error as KeyVaultError: error.description
    case let error as AuditError: error.description
    case let error as SearchIndexError: error.description
    case let error as ErasureError: error.description
    case let error as CatalogError: error.description
    default: "unexpected error: \(type(of: error))"
    }
  }

  /// Runs a job now, in a slot of its own.
  package func run(_ job: Job, actor: String) async throws -> JobRun {
    let slot = "manual-\(Handle.text("run", Randomness.identifier()))"
    // Asked first, so that a busy job is not recorded as a failed one.
    try await holding(job) {}
    guard let run = try await begin(job, slot: slot) else { throw LeaseHeld(name: job.rawValue) }
    return try await carryOut(job, run, actor: actor)
  }

  private func perform(_ job: Job, slot: String, actor: String, in night: Night?) async throws -> JobOutcome {
    let end = night.map(\.archiveEnd) ?? archiveEnd(slot: slot)
    switch job {
    case .nightly: return try await nightly(slot: slot, actor: actor)
    case .archive:
      let pace = pace(until: end)
      return try await forEachTenant { try await archive($0, pace, actor: actor) }
    case .retention: return try await retain(actor: actor)
    case .compact:
      let pace = pace(until: end)
      return try await forEachTenant { try await compact($0, pace, actor: actor) }
    case .verify:
      let scope = scrub(isStep: night != nil)
      return try await forEachTenant { try await verify($0, scope) }
    case .keyRotation: return try await rotate(actor: actor)
    case .checkpoint:
      return JobOutcome(due: 1, done: 1, problem: try await keepCheckpoint(actor: actor))
    case .setAsideExpiry: return try await expireSetAside()
    case .exportExpiry: return try await forEachTenant { try await expireExports($0, actor: actor) }
    case .indexCompact: return try await compactIndex()
    case .indexCheck: return try await checkIndex()
    }
  }

  /// A step that fails does not keep the next ones from running; the night is then a failed one, and names it.
  private func nightly(slot: String, actor: String) async throws -> JobOutcome {
    var total = JobOutcome()
    let night = Night(archiveEnd: archiveEnd(slot: slot))
    for step in Job.nightlySteps where isOn(step) {
      guard let run = try await begin(step, slot: slot) else { continue }
      do {
        let finished = try await carryOut(step, run, actor: actor, in: night)
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

  /// A tenant whose work fails does not keep the others from theirs; what failed is the outcome's problem, or if there
  /// is nothing else to tell, the error itself.
  private func forEachTenant(_ body: (Tenant) async throws -> JobOutcome) async throws -> JobOutcome {
    let tenants = try await tenants(nil)
    var total = JobOutcome()
    for tenant in tenants {
      do {
        total += try await body(tenant)
      } catch {
        guard tenants.count > 1, !Task.isCancelled else { throw error }
        total += JobOutcome(problem: "tenant \(tenant.name): \(Self.words(for: error))")
      }
    }
    return total
  }

  private func retain(actor: String) async throws -> JobOutcome {
    var outcome = try await forEachTenant { try await retain($0, actor: actor) }
    do {
      try await dropPartitions()
    } catch {
      guard !Task.isCancelled else { throw error }
      outcome += JobOutcome(problem: Self.words(for: error))
    }
    return outcome
  }

  private func retain(_ tenant: Tenant, actor: String) async throws -> JobOutcome {
    // First, so that what holds by query do not find is not kept another night for want of reading.
    let unevaluated = try await holds(directory(tenant)).evaluateAll(actor: actor).failed
    let run = try await retention(directory(tenant)).apply(actor: actor)
    let keep = settings.deletions.keepSeconds
    try await retention(directory(tenant)).sweepNotices(before: Self.clock().adding(seconds: -keep))
    // What holds and floors kept of erased people goes as soon as nothing keeps it.
    let erased = try await erasure(directory(tenant)).reconsiderAll(actor: actor)
    let failures = erased.failures.map {
      "\(Handle.text("erasure", $0.erasure)): \(Self.words(for: $0.error))"
    }
    let problems = [run.problem].compactMap { $0 } + failures
    return JobOutcome(
      due: Int64(run.due), done: Int64(run.deleted), blocked: Int64(run.held + run.pending + run.inReview),
      problem: Self.words(
        unevaluated: unevaluated, problems.isEmpty ? nil : problems.joined(separator: "; ")))
  }

  private static func words(unevaluated: [Int64], _ problem: String?) -> String? {
    guard !unevaluated.isEmpty else { return problem }
    let names = unevaluated.prefix(5).map { Handle.text("hold", $0) }.joined(separator: ", ")
    let words =
      "\(unevaluated.count) holds by query could not be evaluated and keep all they cover: \(names); see "
      + "`muniment hold evaluate`"
    return [words, problem].compactMap { $0 }.joined(separator: "; ")
  }

  private func rotate(actor: String) async throws -> JobOutcome {
    let report = try await rotateKeys(actor: actor)
    let restored =
      report.restoredShards.isEmpty
      ? nil : "the database was restored from a backup; run `muniment erase replay`"
    return JobOutcome(
      due: Int64(report.keysRewrapped), done: Int64(report.keysRewrapped),
      blocked: Int64(report.restoredShards.count),
      problem: restored)
  }

  /// In a run's problem.
  private static let troublesNamed = 10

  private func expireExports(_ tenant: Tenant, actor: String) async throws -> JobOutcome {
    let run = try await exporter(directory(tenant)).expire(actor: actor)
    let named = run.troubles.prefix(Self.troublesNamed).map(\.description).joined(separator: ", ")
    let more = run.troubles.count > Self.troublesNamed ? " and \(run.troubles.count) in all" : ""
    return JobOutcome(
      due: Int64(run.due), done: Int64(run.done), blocked: Int64(run.held),
      problem: run.troubles.isEmpty ? nil : "packages that could not be seen to: \(named)\(more)")
  }

  private func expireSetAside() async throws -> JobOutcome {
    let now = Self.clock()
    let gone = try await database.transaction { tx in try SetAside.removeExpired(at: now, in: tx) }
    return JobOutcome(due: Int64(gone), done: Int64(gone))
  }
}
