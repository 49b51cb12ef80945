package import Catalog
import Model
import Postgres
import Tiering

extension Application {
  /// Whether the nightly job has the step.
  func isOn(_ step: Job) -> Bool {
    switch step {
    case .compact: settings.archiving.compactsNightly
    case .verify: settings.archiving.scrubDays != nil
    default: true
    }
  }

  /// When the archive's steps of a run stop: all steps of a night at the same time, also of one that is late or tried
  /// again; `nil`: never.
  func archiveEnd(slot: String) -> Timestamp? {
    settings.archiving.untilMinute.map {
      ArchivingLimits.next(
        minute: $0, after: Scheduler.start(of: slot, nightlyMinute: settings.nightlyMinute) ?? Self.clock())
    }
  }

  /// One for all tenants of a run.
  func pace(until end: Timestamp?) -> Pace {
    Pace(until: end, bytesPerSecond: settings.archiving.bytesPerSecond)
  }

  func archive(_ tenant: Tenant, _ pace: Pace, actor: String) async throws -> JobOutcome {
    let cutoff = Self.clock().adding(seconds: -settings.archiveOlderThanSeconds)
    return try await holding("archive") { lease in
      let archiver = self.archiver(tenant, pace: pace, lease: lease, actor: actor)
      let plan = try await archiver.plan(before: cutoff)
      let report = try await archiver.run(plan)
      let isCopied = try await self.replicate(archiver)
      let gone = plan.months.filter { report.ended.contains($0.period) }
      let due = plan.messages - gone.reduce(0) { $0 + $1.messages }
      return JobOutcome(
        due: Int64(due), done: Int64(report.messages),
        blocked: report.isStopped ? Int64(due - report.messages) : 0,
        problem: Archiver.words(lost: report.lost, "archived"), isStopped: report.isStopped || !isCopied)
    }
  }

  /// With a replica, what is new goes there the same night.
  ///
  /// - Returns: whether all of it did; otherwise the time was up.
  private func replicate(_ archiver: Archiver) async throws -> Bool {
    guard settings.replicaStore != nil else { return true }
    let done = try await archiver.replicate()
    guard done.damaged.isEmpty else {
      throw TieringError(
        .verificationFailed,
        "\(done.damaged.count) segments are damaged and were not copied to the replica; see "
          + "`muniment archive verify`")
    }
    return !done.isStopped
  }

  /// A month that is archived day by day is written anew four times that way, not thirty.
  private static let nightlyMergeWidth = 8

  func compact(_ tenant: Tenant, _ pace: Pace, actor: String) async throws -> JobOutcome {
    try await holding("archive") { lease in
      let archiver = self.archiver(tenant, pace: pace, lease: lease, actor: actor)
      let report = try await archiver.compact(dryRun: false, width: Self.nightlyMergeWidth)
      let isCopied = try await self.replicate(archiver)
      let left = Int64(report.locked + report.refused)
      return JobOutcome(
        due: Int64(report.rewritten) + left, done: Int64(report.rewritten), blocked: left,
        problem: Self.problem(of: report), isStopped: report.isStopped || !isCopied)
    }
  }

  private static func problem(of report: Archiver.Compaction) -> String? {
    var problems = [Archiver.words(lost: report.lost, "compacted")].compactMap { $0 }
    if !report.damaged.isEmpty {
      problems.append(
        "\(report.damaged.map(\.description).joined(separator: ", ")) were not compacted, as segments are damaged; "
          + "see `muniment archive verify`")
    }
    if report.refused > 0 {
      problems.append(
        "\(report.refused) replaced objects could not be deleted: the object store refuses it; see its permissions"
      )
    }
    return problems.isEmpty ? nil : problems.joined(separator: "; ")
  }

  /// A run that somebody asks for checks everything; the step of a night, what is due.
  func scrub(isStep: Bool) -> Archiver.Scope {
    guard isStep, let days = settings.archiving.scrubDays else { return .all }
    return .due(days: days)
  }

  func verify(_ tenant: Tenant, _ scope: Archiver.Scope) async throws -> JobOutcome {
    let found = try await archiver(tenant).verify(scope, deep: false)
    return JobOutcome(
      due: Int64(found.segments), done: Int64(found.segments),
      problem: found.damaged > 0
        ? "\(found.damaged) segments are damaged, with \(found.affected) messages in damaged blocks; see "
          + "`muniment archive verify`" : nil)
  }

  /// How far the archive was checked within the days that the settings give it.
  package func scrubbing() async throws -> Archive.Scrubbing {
    let since = Self.clock().adding(seconds: -Int64(settings.archiving.scrubDays ?? 30) * 86_400)
    return try await database.read { tx in try Archive.scrubbing(since: since, in: tx) }
  }
}
