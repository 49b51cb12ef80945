import Postgres
import Sodium
import ArgumentParser
import Catalog
import Governance
import History
import JobQueue
import Model
import Runtime
import SegmentFormat
import Segments
import Tiering

struct ArchiveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "archive", abstract: "Move old messages into sealed segments, and look after these.",
    subcommands: [
      Run.self, List.self, Show.self, Verify.self, Compact.self, Restore.self, Replicate.self,
      ExportKeys.self, AcceptCatalogue.self,
    ])

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
    @Flag(help: "What killed runs left behind, of all tenants; the next run removes it.")
    var orphans = false

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        if orphans { return try await listOrphans(application) }
        let tenant = tenancy.tenant == nil ? nil : try await application.tenant(tenancy.tenant).id
        let rows = try await application.database.transaction { tx in
          try Archive.segments(tenant: tenant, in: tx)
        }
        for row in rows { try common.output.value(Row(row), text: Row(row).text) }
      }
    }

    private struct Orphan: Encodable {
      let kind: String
      let name: String
      let bytes: Int64
      let ageSeconds: Int64?

      enum CodingKeys: String, CodingKey {
        case kind, name, bytes
        case ageSeconds = "age_seconds"
      }
    }

    /// Under the lease, as what a run is writing right now would look the same.
    private func listOrphans(_ application: Application) async throws {
      guard let any = try await application.tenants(nil).first else { return }
      let now = Application.clock()
      for found in try await application.holding("archive", { try await application.archiver(any).orphans() })
      {
        let age = found.modifiedAt.map { max(0, (now.microseconds - $0.microseconds) / 1_000_000) }
        let orphan = Orphan(kind: found.kind.rawValue, name: found.name, bytes: found.bytes, ageSeconds: age)
        let since = age.map { "\($0) s old" } ?? "age unknown"
        try common.output.value(
          orphan, text: "\(orphan.kind)  \(orphan.name)  \(orphan.bytes) bytes  \(since)")
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
      let dictionary: String?
      /// Bytes of each column of the format; together the whole object.
      let columns: [String: Int64]
      let textBytes: Int64

      enum CodingKeys: String, CodingKey {
        case segment, blocks, conversations, hash, dictionary, columns
        case textBytes = "text_bytes"
      }
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
        let costs = ColumnCosts(row: row.columns) ?? ColumnCosts()
        let columns = ColumnCosts.Column.allCases.map { ($0.rawValue, costs.bytes[$0] ?? 0) }
        let detail = Detail(
          segment: Row(row), blocks: blocks.count, conversations: Set(blocks.map(\.conversation)).count,
          hash: row.hash.hex, dictionary: row.dictionary?.hex,
          columns: Dictionary(uniqueKeysWithValues: columns), textBytes: costs.textBytes)
        let lines = columns.map { "\n\($0.0) \($0.1) bytes" }.joined()
        try common.output.value(
          detail,
          text:
            "\(detail.segment.text)\n\(detail.blocks) blocks of \(detail.conversations) conversations\nblake2b \(detail.hash)\(lines)"
        )
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
