import ArgumentParser
import Catalog
import JobQueue
import Model
import Runtime
import Tiering

extension ArchiveCommand {
  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "run", abstract: "Seal, verify by reading back, switch, drop hot.",
      discussion: "With --until, exits 3 if there is something left; the next run goes on from there.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var limits: PaceOptions
    @OptionGroup var actor: ActorOptions
    @Option(help: "Archive messages older than this, such as 30d or 12h.")
    var olderThan: String?
    @Option(help: "Archive messages from before this time (RFC 3339).")
    var before: String?
    @Flag(help: "Show what would be archived and stop.")
    var dryRun = false

    private struct Report: Encodable {
      let segments: Int
      let messages: Int
      let bytes: Int64
      let seconds: Double
      /// Months that ended meanwhile: there was nothing left of them to archive.
      let ended: [String]
      /// Months that were left as they are: keys are gone.
      let lost: [String]
      let finished: Bool
    }

    func validate() throws {
      try limits.validate()
      if before != nil, olderThan != nil {
        throw ValidationError("--before and --older-than exclude each other")
      }
    }

    func run() async throws {
      let settings = try common.settings()
      let cutoff = try Cutoff.time(
        before: before, olderThan: olderThan, fallbackSeconds: settings.archiveOlderThanSeconds,
        now: Application.clock())
      let watch = Stopwatch()
      let total = try await Application.with(settings) { application in
        try await application.holding("archive") { lease in
          try await archive(application, cutoff, lease)
        }
      }
      let seconds = watch.rounded
      let verb = dryRun ? "would archive" : "archived"
      try common.output.value(
        Report(
          segments: total.segments, messages: total.messages, bytes: total.bytes, seconds: seconds,
          ended: total.ended.map(\.description), lost: total.lost.map(\.description),
          finished: !total.isStopped),
        text: (Archiver.words(lost: total.lost, "archived").map { "\($0)\n" } ?? "")
          + "\(verb) \(total.messages) messages in \(total.segments) segments, \(total.bytes) bytes, \(seconds) s"
          + total.ended.map { "; \($0) ended meanwhile" }.joined()
          + (total.isStopped ? "; the time was up, run it again for the rest" : ""))
      if !dryRun, !total.lost.isEmpty { throw ExitStatus.failed }
      if total.isStopped { throw ExitStatus.doneInPart }
    }

    private func archive(_ application: Application, _ cutoff: Timestamp, _ lease: Lease) async throws
      -> Archiver.Report
    {
      var total = Archiver.Report()
      var plans: [(tenant: Tenant, plan: Archiver.Plan)] = []
      for tenant in try await application.tenants(tenancy.tenant) {
        plans.append((tenant, try await application.archiver(tenant).plan(before: cutoff)))
      }
      let due = plans.reduce(0) { $0 + $1.plan.messages }
      let meter = common.meter
      defer { meter.finish() }
      let pace = try limits.pace {
        meter.update("archive", count: $0, share: Double($0) / Double(max(due, 1)))
      }
      for (tenant, plan) in plans where !total.isStopped {
        if dryRun {
          let lost = try await application.archiver(tenant).lost(of: plan)
          for month in plan.months where !lost.contains(month.period) {
            total.messages += month.messages
            common.output.note("\(tenant.name) \(month.period): \(month.messages) messages")
          }
          total.lost += lost
          continue
        }
        let archiver = application.archiver(tenant, pace: pace, lease: lease, actor: actor.name)
        let report = try await archiver.run(plan)
        total.segments += report.segments
        total.messages += report.messages
        total.bytes += report.bytes
        total.ended += report.ended
        total.lost += report.lost
        total.isStopped = report.isStopped
      }
      return total
    }
  }

  struct Compact: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "compact",
      abstract: "Rewrite segments without dead lanes and deleted messages; merge small ones.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var limits: PaceOptions
    @OptionGroup var actor: ActorOptions
    @Flag(help: "Show what would be rewritten and stop.")
    var dryRun = false

    private struct Report: Encodable {
      let rewritten: Int
      let segments: Int
      let dropped: Int
      let folded: Int
      let locked: Int
      let refused: Int
      /// Months that were left as they are.
      let damaged: [String]
      /// Months that ended meanwhile, with their segments.
      let ended: [String]
      /// Months that were left as they are: keys are gone.
      let lost: [String]
      let finished: Bool
    }

    func validate() throws { try limits.validate() }

    func run() async throws {
      let total = try await Application.with(try common.settings()) { application in
        let meter = common.meter
        defer { meter.finish() }
        let pace = try limits.pace { meter.update("compact", count: $0) }
        let (tenants, actor, dryRun) = (
          try await application.tenants(tenancy.tenant), actor.name, dryRun
        )
        return try await application.holding("archive") { lease in
          var total = Archiver.Compaction()
          for tenant in tenants where !total.isStopped {
            let archiver = application.archiver(tenant, pace: pace, lease: lease, actor: actor)
            let report = try await archiver.compact(dryRun: dryRun)
            total.rewritten += report.rewritten
            total.segments += report.segments
            total.dropped += report.dropped
            total.folded += report.folded
            total.locked = max(total.locked, report.locked)
            total.refused = max(total.refused, report.refused)
            total.damaged += report.damaged
            total.ended += report.ended
            total.lost += report.lost
            total.isStopped = report.isStopped
          }
          return total
        }
      }
      try common.output.value(
        Report(
          rewritten: total.rewritten, segments: total.segments, dropped: total.dropped,
          folded: total.folded, locked: total.locked, refused: total.refused,
          damaged: total.damaged.map(\.description), ended: total.ended.map(\.description),
          lost: total.lost.map(\.description), finished: !total.isStopped),
        text: text(of: total))
      if !total.damaged.isEmpty { throw ExitStatus.verificationFailed }
      if !dryRun, !total.lost.isEmpty { throw ExitStatus.failed }
      if total.isStopped { throw ExitStatus.doneInPart }
    }

    private func text(of total: Archiver.Compaction) -> String {
      var lines = total.damaged.map {
        "\($0) was not compacted, as a segment is damaged; see `muniment archive verify`"
      }
      var last =
        "\(dryRun ? "would rewrite" : "rewrote") \(total.rewritten) segments into \(total.segments), dropping "
        + "\(total.dropped) messages and taking in \(total.folded) edits"
      last += total.ended.map { "; \($0) ended meanwhile" }.joined()
      if total.locked > 0 { last += "; \(total.locked) replaced objects wait for the end of their lock" }
      if total.refused > 0 { last += "; the store refuses to delete \(total.refused) replaced objects" }
      lines.append(last)
      if let lost = Archiver.words(lost: total.lost, "compacted") { lines.insert(lost, at: 0) }
      return lines.joined(separator: "\n")
    }
  }
}

/// How fast, and until when.
struct PaceOptions: ParsableArguments {
  @Option(help: "Stop at this time: HH:MM in UTC, the next one, or RFC 3339.")
  var until: String?
  @Option(help: "Write at most so many bytes a second, such as 20MB/s or 500kB/s.")
  var rate: String?

  func validate() throws { _ = try pace { _ in } }

  func pace(_ progress: @escaping @Sendable (Int) -> Void) throws -> Pace {
    Pace(until: try time(), bytesPerSecond: try rate.map(Self.bytes), progress: progress)
  }

  private func time() throws -> Timestamp? {
    guard let until else { return nil }
    if let time = Timestamp(rfc3339: until) { return time }
    let parts = until.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let hour = parts[0], let minute = parts[1], (0..<24).contains(hour),
      (0..<60).contains(minute)
    else { throw ValidationError("--until takes HH:MM in UTC or an RFC 3339 time") }
    return ArchivingLimits.next(minute: hour * 60 + minute, after: Application.clock())
  }

  static func bytes(_ text: String) throws -> Int64 {
    let text = text.hasSuffix("/s") ? String(text.dropLast(2)) : text
    let units: [(String, Int64)] = [
      ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1_000), ("MB", 1_000_000),
      ("GB", 1_000_000_000), ("B", 1), ("", 1),
    ]
    for (unit, factor) in units where text.hasSuffix(unit) {
      let number = text.dropLast(unit.count)
      if let value = Int64(number), (1...1_000_000).contains(value) || factor == 1 && value > 0 {
        return value * factor
      }
    }
    throw ValidationError("--rate takes a rate such as 20MB/s, 500kB/s or 1048576")
  }
}
