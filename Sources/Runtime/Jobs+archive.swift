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

  /// One for all tenants of a run.
  func pace() -> Pace {
    let limits = settings.archiving
    return Pace(
      until: limits.untilMinute.map { ArchivingLimits.next(minute: $0, after: Self.clock()) },
      bytesPerSecond: limits.bytesPerSecond)
  }

  func archive(_ tenant: Tenant, _ pace: Pace) async throws -> JobOutcome {
    let cutoff = Self.clock().adding(seconds: -settings.archiveOlderThanSeconds)
    return try await holding("archive") {
      let archiver = archiver(tenant, pace: pace)
      let plan = try await archiver.plan(before: cutoff)
      let report = try await archiver.run(plan)
      try await replicate(archiver)
      return JobOutcome(
        due: Int64(plan.messages), done: Int64(report.messages),
        blocked: report.isStopped ? Int64(plan.messages - report.messages) : 0)
    }
  }

  /// With a replica, what is new goes there the same night.
  private func replicate(_ archiver: Archiver) async throws {
    guard settings.replicaStore != nil else { return }
    let damaged = try await archiver.replicate().damaged
    guard damaged.isEmpty else {
      throw TieringError(
        .verificationFailed,
        "\(damaged.count) segments are damaged and were not copied to the replica; see `muniment archive verify`"
      )
    }
  }

  /// A month that is archived day by day is written anew four times that way, not thirty.
  private static let nightlyMergeWidth = 8

  func compact(_ tenant: Tenant, _ pace: Pace) async throws -> JobOutcome {
    let report = try await holding("archive") {
      let archiver = archiver(tenant, pace: pace)
      let report = try await archiver.compact(dryRun: false, width: Self.nightlyMergeWidth)
      try await replicate(archiver)
      return report
    }
    return JobOutcome(
      due: Int64(report.rewritten + report.locked), done: Int64(report.rewritten),
      blocked: Int64(report.locked))
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
