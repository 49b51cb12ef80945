import Catalog
import Erasure
import History
import JobQueue
import Model
import Postgres
import Search
import Segments
package import Server

extension Application {
  /// Feed steps the index may be behind before it is a problem.
  private static let lagMax: Int64 = 50_000
  /// As long as the oldest of them may have waited, however few they are.
  private static let lagSecondsMax: Int64 = 60
  /// A night is missed when the newest one that completed is older than this, in seconds.
  private static let nightSeconds: Int64 = 26 * 3_600

  /// All that needs somebody's attention, each with what to do.
  package func problems() async throws -> [SystemProblem] {
    var problems = try await jobProblems()
    for status in try await indexer.status() { problems += Self.lagProblems(status) }
    problems += try await indexProblems()
    problems += spaceProblems()
    problems += try await storeProblems()
    problems += try await scrubProblems()
    problems += try await callbackProblems()
    problems += certificateProblems()
    problems += try await outboxProblems()
    problems += try await reviewProblems()
    problems += try await approvalProblems()
    problems += try await exportProblems()
    problems += await objectStoreProblems()
    return problems
  }

  /// How long the other problems wait for the object store.
  private static let storePatience = Duration.seconds(5)

  /// A store that does not answer is a problem to show, not a reason to show none, nor to show them late.
  private func objectStoreProblems() async -> [SystemProblem] {
    let store = history.archive.store
    let (answers, send) = AsyncStream<Result<SegmentStoreReport, any Error>>.makeStream()
    // Not a child of this task, which would have to wait for it: a call to the store cannot be broken off.
    let asking = Task {
      do { send.yield(.success(try await store.report())) } catch { send.yield(.failure(error)) }
      send.finish()
    }
    let waiting = Task {
      try await Task.sleep(for: Self.storePatience)
      send.finish()
    }
    defer {
      waiting.cancel()
      asking.cancel()
    }
    for await answer in answers {
      switch answer {
      case .success(let report):
        return report.problems.map {
          SystemProblem(
            code: "object_store_limited", detail: $0,
            nextStep: "see \"Object stores\" in the operations guide")
        }
      case .failure(let error): return [Self.storeUnavailable("\(error)")]
      }
    }
    return [Self.storeUnavailable("the object store did not answer within \(Self.storePatience)")]
  }

  private static func storeUnavailable(_ detail: String) -> SystemProblem {
    SystemProblem(
      code: "object_store_unavailable", detail: detail,
      nextStep: "check object_store and the s3 settings: muniment config show")
  }

  private static func lagProblems(_ status: IndexGroupStatus) -> [SystemProblem] {
    var problems: [SystemProblem] = []
    if status.lag > lagMax || status.lagSeconds > lagSecondsMax {
      problems.append(
        SystemProblem(
          code: "index_behind",
          detail: "index group \(status.group) is \(status.lag) feed steps and \(status.lagSeconds) s behind",
          nextStep: "muniment index catch-up"))
    }
    if status.isFull {
      problems.append(
        SystemProblem(
          code: "index_unsealed",
          detail:
            "index group \(status.group) has as many generations as it can: what comes in is sealed no more",
          nextStep: "muniment index compact"))
    }
    return problems
  }

  private func spaceProblems() -> [SystemProblem] {
    guard let free = FreeSpace.bytes(at: settings.home), free < FreeSpace.enough else { return [] }
    return [
      SystemProblem(
        code: "disk_low", detail: "\(free >> 20) MiB are free where the home is",
        nextStep: "make room: index and archive stop being written when it is used up")
    ]
  }

  private func indexProblems() async throws -> [SystemProblem] {
    let (checks, quarantined) = try await database.read { tx in
      (try IndexChecks.all(in: tx), try IndexQuarantine.counts(in: tx))
    }
    var problems: [SystemProblem] = []
    for check in checks {
      if let damage = check.damage {
        problems.append(
          SystemProblem(
            code: "index_damaged", detail: damage,
            nextStep: "`serve` rebuilds it; or muniment index check --repair"))
      }
      if check.differences > check.healed {
        problems.append(
          SystemProblem(
            code: "index_differs",
            detail: "index group \(check.group) differs from the catalogue in \(check.differences) messages",
            nextStep: "muniment index reconcile"))
      }
    }
    for (group, count) in quarantined.sorted(by: { $0.key < $1.key }) {
      problems.append(
        SystemProblem(
          code: "index_quarantined", detail: "\(count) messages of index group \(group) cannot be searched",
          nextStep: "muniment index catch-up --retry"))
    }
    return problems
  }

  private func jobProblems() async throws -> [SystemProblem] {
    let now = Self.clock()
    let (runs, dead) = try await database.read { tx in
      (
        try Job.allCases.map { ($0, try JobRuns.history(name: $0.rawValue, limit: 10, in: tx)) },
        try JobRuns.dead(at: now, in: tx)
      )
    }
    var problems = dead.filter { run in
      // A newer run makes good for it.
      runs.first { $0.0.rawValue == run.name }?.1.first?.id == run.id
    }.map { run in
      SystemProblem(
        code: "job_interrupted", detail: "\(run.name): its process ended before it was done",
        nextStep: "muniment job run \(run.name)")
    }
    for (job, runs) in runs {
      guard let ended = runs.first(where: { $0.state != "running" }) else { continue }
      if let problem = ended.problem {
        problems.append(
          SystemProblem(
            code: "job_failed", detail: "\(job.rawValue): \(problem)",
            nextStep: "muniment job run \(job.rawValue)"))
      }
      let last = runs.filter { $0.state != "running" }.prefix(2)
      if last.count == 2, last.allSatisfy(\.isStopped) {
        problems.append(
          SystemProblem(
            code: "archive_behind",
            detail: "\(job.rawValue) was stopped by archive.until with work left, twice in a row",
            nextStep: "muniment archive \(job == .compact ? "compact" : "run"), or a later archive.until"))
      }
    }
    let nights = runs.first { $0.0 == .nightly }?.1 ?? []
    if settings.nightlyMinute != nil, let first = nights.last,
      !nights.contains(where: {
        $0.state == "completed" && now < $0.startedAt.adding(seconds: Self.nightSeconds)
      }),
      first.startedAt.adding(seconds: Self.nightSeconds) < now
    {
      problems.append(
        SystemProblem(
          code: "night_missed", detail: "the nightly job has not completed for more than a day",
          nextStep: "muniment job run nightly"))
    }
    return problems
  }

  private func reviewProblems() async throws -> [SystemProblem] {
    let before = Self.clock().adding(seconds: -settings.reviewSeconds)
    let (groups, since) = try await database.read { tx in try Reviews.overdue(before: before, in: tx) }
    guard groups > 0, let since else { return [] }
    return [
      SystemProblem(
        code: "review_overdue", detail: "\(groups) disposition reviews wait, the oldest since \(since)",
        nextStep: "muniment retention review list")
    ]
  }

  private static let approvalsNamedMax = 20

  /// Changes of policies whose grace period is over, so that nothing but a second person keeps them back.
  private func approvalProblems() async throws -> [SystemProblem] {
    let now = Self.clock()
    let waiting = try await database.read { tx in
      try Policies.overdue(at: now, limit: Self.approvalsNamedMax, in: tx)
    }
    return waiting.map { change in
      SystemProblem(
        code: "policies_unapproved",
        detail:
          "version \(change.version) of the policies of tenant \(change.tenant) has waited for approval since "
          + "\(change.createdAt), longer than its grace period",
        nextStep:
          "muniment retention show \(change.version) --tenant \(change.tenant), then `retention approve` or "
          + "`retention reject`")
    }
  }

  /// How long a call that was given up is spoken of.
  private static let givenUpSeconds: Int64 = 7 * 86_400

  private func callbackProblems() async throws -> [SystemProblem] {
    let since = Self.clock().adding(seconds: -Self.givenUpSeconds)
    let count = try await database.read { tx in try SubjectRequestCallbacks.givenUp(since: since, in: tx) }
    guard count > 0 else { return [] }
    return [
      SystemProblem(
        code: "callback_given_up",
        detail:
          "\(count) callbacks of OpenDSR requests were given up: the controllers' addresses do not answer",
        nextStep: "tell the controllers; GET /v2/requests/{id} has what they were not told")
    ]
  }

  /// Days that a scrub may be late before it is a problem.
  private static let scrubGraceDays: Int64 = 2

  private func scrubProblems() async throws -> [SystemProblem] {
    guard let days = settings.archiving.scrubDays, let oldest = try await scrubbing().oldest,
      oldest.adding(seconds: (Int64(days) + Self.scrubGraceDays) * 86_400) < Self.clock()
    else { return [] }
    return [
      SystemProblem(
        code: "scrub_behind",
        detail: "a segment of the archive was last checked at \(oldest), longer than \(days) days ago",
        nextStep: "muniment job run verify")
    ]
  }

  /// How long before packages go it is spoken of.
  private static let expiryNoticeSeconds: Int64 = 3 * 86_400
  /// A run that says nothing for so long has died.
  private static let exportSilenceSeconds: Int64 = 120

  private func exportProblems() async throws -> [SystemProblem] {
    let now = Self.clock()
    let (expiring, silent) = try await database.read { tx in
      (
        try Exports.expiring(from: now, to: now.adding(seconds: Self.expiryNoticeSeconds), in: tx),
        try Exports.silent(since: now.adding(seconds: -Self.exportSilenceSeconds), in: tx)
      )
    }
    var problems = silent.map { number in
      let id = Handle.text("export", number)
      return SystemProblem(
        code: "export_interrupted", detail: "\(id) was interrupted before it was done",
        nextStep: "muniment export resume \(id), or muniment export cancel \(id)")
    }
    if expiring > 0 {
      problems.append(
        SystemProblem(
          code: "exports_expire_soon", detail: "\(expiring) packages are deleted within 3 days",
          nextStep: "muniment export list; fetch what is still needed"))
    }
    return problems
  }

  /// How long before it is due an erasure is spoken of.
  private static let reminderSeconds: Int64 = 7 * 86_400

  private func storeProblems() async throws -> [SystemProblem] {
    let now = Self.clock()
    let erasures = try await database.read { tx in try Erasures.list(tenant: nil, in: tx) }
    var problems: [SystemProblem] = []
    for row in erasures where row.state.isOpen {
      let id = Handle.text("erasure", row.id)
      if row.dueAt < now {
        problems.append(
          SystemProblem(
            code: "erasure_overdue", detail: "\(id) was due at \(row.dueAt)",
            nextStep: "muniment erase show \(id)"))
      } else if row.dueAt < now.adding(seconds: Self.reminderSeconds) {
        problems.append(
          SystemProblem(
            code: "erasure_due_soon", detail: "\(id) is due at \(row.dueAt) and not done",
            nextStep: "muniment erase show \(id)"))
      } else if row.state == .partial {
        problems.append(
          SystemProblem(
            code: "erasure_unfinished", detail: "\(id) stopped midway", nextStep: "muniment erase run \(id)"))
      }
    }
    return problems + (try await ledgerProblems())
  }

  private func ledgerProblems() async throws -> [SystemProblem] {
    do {
      guard try await !ErasureService.revived(database: database, home: settings.home).isEmpty else {
        return []
      }
    } catch let error as ErasureError where error.code == .ledger {
      return [
        SystemProblem(
          code: error.code.rawValue, detail: error.description,
          nextStep: "see \"Restore\" in the operations guide")
      ]
    }
    return [
      SystemProblem(
        code: "erased_revived",
        detail:
          "the database was restored from before an erasure: what was erased is in it, or would be let in again",
        nextStep: "muniment erase replay")
    ]
  }
}
