import Postgres
import Sodium
import ArgumentParser
import Catalog
import Governance
import History
import JobQueue
import Model
import Runtime
import Segments
import Tiering

struct ArchiveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "archive", abstract: "Move old messages into sealed segments, and look after these.",
    subcommands: [Run.self, List.self, Show.self, Verify.self, Compact.self, Restore.self])

  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "run", abstract: "Seal, verify by reading back, switch, drop hot.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
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
    }

    func run() async throws {
      let settings = try common.settings()
      let cutoff = try Cutoff.time(
        before: before, olderThan: olderThan, fallbackSeconds: settings.archiveOlderThanSeconds,
        now: Application.clock())
      try await Application.with(settings) { application in
        let (watch, meter) = (Stopwatch(), common.meter)
        var total = Archiver.Report()
        try await application.holding("archive") {
          for tenant in try await application.tenants(tenancy.tenant) {
            let archiver = application.archiver(tenant)
            let plan = try await archiver.plan(before: cutoff)
            if dryRun {
              total.messages += plan.messages
              for month in plan.months {
                common.output.note("\(tenant.name) \(month.period): \(month.messages) messages")
              }
              continue
            }
            let report = try await archiver.run(plan) {
              meter.update(
                "archive", count: $0.messages, share: Double($0.messages) / Double(max(plan.messages, 1)))
            }
            total.segments += report.segments
            total.messages += report.messages
            total.bytes += report.bytes
          }
        }
        meter.finish()
        let seconds = watch.rounded
        let verb = dryRun ? "would archive" : "archived"
        try common.output.value(
          Report(segments: total.segments, messages: total.messages, bytes: total.bytes, seconds: seconds),
          text:
            "\(verb) \(total.messages) messages in \(total.segments) segments, \(total.bytes) bytes, \(seconds) s"
        )
      }
    }
  }

  struct Row: Encodable {
    let id: String
    let tenant: Int64
    let period: String
    let messages: Int64
    let bytes: Int64
    let sealedAt: String

    init(_ row: SegmentRow) {
      id = row.id
      tenant = row.tenant.rawValue
      period = row.period.description
      messages = row.messages
      bytes = row.bytes
      sealedAt = row.sealedAt.rfc3339
    }

    enum CodingKeys: String, CodingKey {
      case id, tenant, period, messages, bytes
      case sealedAt = "sealed_at"
    }

    var text: String { "\(id)  \(period)  \(messages) messages  \(bytes) bytes  \(sealedAt)" }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "The segments there are.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let tenant = tenancy.tenant == nil ? nil : try await application.tenant(tenancy.tenant).id
        let rows = try await application.database.transaction { tx in
          try Archive.segments(tenant: tenant, in: tx)
        }
        for row in rows { try common.output.value(Row(row), text: Row(row).text) }
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "One segment and its blocks.")
    @Argument var segment: String
    @OptionGroup var common: CommonOptions

    private struct Detail: Encodable {
      let segment: Row
      let blocks: Int
      let conversations: Int
      let hash: String
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let id = segment
        let (row, blocks) = try await application.database.transaction { tx in
          (try Archive.segment(id, in: tx), try Archive.blocks(segment: id, in: tx))
        }
        guard let row else {
          throw TieringError(.unknownSegment, "there is no such segment; see `muniment archive list`")
        }
        let detail = Detail(
          segment: Row(row), blocks: blocks.count, conversations: Set(blocks.map(\.conversation)).count,
          hash: row.hash.hex)
        try common.output.value(
          detail,
          text:
            "\(detail.segment.text)\n\(detail.blocks) blocks of \(detail.conversations) conversations\nblake2b \(detail.hash)"
        )
      }
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify", abstract: "Check every segment; exit 5 on any damage, naming it.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @Flag(help: "Also open every lane whose key exists and compare counts with the catalogue.")
    var deep = false

    private struct Report: Encodable {
      let segments: Int
      let damaged: Int
      let findings: [String]
    }

    func run() async throws {
      let damaged = try await Application.with(try common.settings()) { application in
        var (segments, damaged, findings) = (0, 0, [String]())
        for tenant in try await application.tenants(tenancy.tenant) {
          let found = try await application.archiver(tenant).verifyAll(deep: deep)
          segments += found.segments
          damaged += found.damaged
          findings += found.findings
        }
        try common.output.value(
          Report(segments: segments, damaged: damaged, findings: findings),
          text: (findings + ["\(segments) segments checked, \(damaged) damaged"]).joined(separator: "\n"))
        return damaged
      }
      if damaged > 0 { throw ExitStatus.verificationFailed }
    }
  }

  struct Compact: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "compact",
      abstract: "Rewrite segments without dead lanes and deleted messages; merge small ones.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @Flag(help: "Show what would be rewritten and stop.")
    var dryRun = false

    private struct Report: Encodable {
      let rewritten: Int
      let segments: Int
      let dropped: Int
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        var total = (rewritten: 0, segments: 0, dropped: 0)
        try await application.holding("archive") {
          for tenant in try await application.tenants(tenancy.tenant) {
            let report = try await application.archiver(tenant).compact(dryRun: dryRun)
            total.rewritten += report.rewritten
            total.segments += report.segments
            total.dropped += report.dropped
          }
        }
        try common.output.value(
          Report(rewritten: total.rewritten, segments: total.segments, dropped: total.dropped),
          text:
            "\(dryRun ? "would rewrite" : "rewrote") \(total.rewritten) segments into \(total.segments), dropping \(total.dropped) messages"
        )
      }
    }
  }

  struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "restore", abstract: "Bring a segment's messages back into the hot tables.")
    @Argument var segment: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    private struct Report: Encodable {
      let id: String
      let messages: Int
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let tenant = try await application.tenant(tenancy.tenant)
        let messages = try await application.holding("archive") {
          try await application.archiver(tenant).restore(segment)
        }
        try common.output.value(
          Report(id: segment, messages: messages), text: "\(messages) messages are hot again")
      }
    }
  }
}

/// The point in time before which messages are archived.
enum Cutoff {
  static func time(before: String?, olderThan: String?, fallbackSeconds: Int64, now: Timestamp) throws
    -> Timestamp
  {
    if let before {
      guard let time = Timestamp(rfc3339: before) else {
        throw ValidationError("--before takes an RFC 3339 time")
      }
      return time
    }
    guard let olderThan else { return now.adding(seconds: -fallbackSeconds) }
    guard let length = RetentionLength(olderThan) else {
      throw ValidationError("--older-than takes a duration such as 30d, 12h or 0d")
    }
    return now.adding(seconds: -length.seconds)
  }
}
