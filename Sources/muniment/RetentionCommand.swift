import Catalog
import Governance
import History
import Search
import ArgumentParser
import Foundation
import Model
import Retention
import Runtime
import Server

struct RetentionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retention", abstract: "Policies: floors that keep, ceilings that delete.",
    subcommands: [
      SetPolicies.self, List.self, ShowPolicies.self, ApprovePolicies.self, RejectPolicies.self,
      Preview.self, Apply.self, Explain.self, Review.self, Label.self, Event.self,
    ])

  /// A policy file, YAML or JSON.
  static func document(_ path: String) throws -> PolicyDocument {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ValidationError("the policy file \(path) cannot be read")
    }
    let json: String
    do {
      json = try SettingsFile.json(fromYAML: String(decoding: data, as: UTF8.self))
    } catch let error as SettingsError {
      throw RetentionError(.invalidDocument, error.description)
    }
    return try PolicyDocument(json: json)
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "All versions of the policies.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    private struct Row: Encodable {
      let version: Int32
      let standing: String
      let effectiveAt: String
      let policies: [String]

      enum CodingKeys: String, CodingKey {
        case version, standing, policies
        case effectiveAt = "effective_at"
      }
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let service = application.retention(
          application.directory(try await application.tenant(tenancy.tenant)))
        for view in try await service.list() {
          let row = Row(
            version: view.version, standing: view.standing.rawValue, effectiveAt: view.effectiveAt.rfc3339,
            policies: view.document.policies.map(\.name))
          let text = try PolicyVersionReply(view).text
          try common.output.value(row, text: text)
        }
      }
    }
  }

  struct Preview: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "preview", abstract: "What is due on the live data, or would be under FILE.")
    @Argument(help: "YAML or JSON; without it, the policies in force.")
    var file: String?
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    private struct Report: Encodable {
      struct Row: Encodable {
        let conversation: String?
        let month: String
        let due: Int
        let earlier: Int
        let later: Int
        let held: Int
        let bytes: Int64
        let oldest: String
        let goesAt: String?
        let samples: [String]

        enum CodingKeys: String, CodingKey {
          case conversation, month, due, earlier, later, held, bytes, oldest, samples
          case goesAt = "goes_at"
        }
      }
      let examined: Int
      let due: Int
      let earlier: Int
      let later: Int
      let held: Int
      let bytes: Int64
      let goesAt: String?
      let truncated: Bool
      let rows: [Row]

      enum CodingKeys: String, CodingKey {
        case examined, due, earlier, later, held, bytes, truncated, rows
        case goesAt = "goes_at"
      }

      init(_ preview: PreviewReply) {
        examined = preview.examined
        let totals = preview.totals
        (due, earlier, later, held) = (totals.due, totals.earlier, totals.later, totals.held)
        (bytes, goesAt, truncated) = (totals.bytes, preview.goesAt, preview.truncated)
        rows = preview.rows.map { row in
          Row(
            conversation: row.conversation, month: row.month, due: row.counts.due,
            earlier: row.counts.earlier,
            later: row.counts.later, held: row.counts.held, bytes: row.counts.bytes, oldest: row.oldest,
            goesAt: row.goesAt, samples: row.samples)
        }
      }
    }

    func run() async throws {
      let document = try file.map(RetentionCommand.document)
      try await Application.with(try common.settings()) { application in
        let service = application.retention(
          application.directory(try await application.tenant(tenancy.tenant)))
        let preview = PreviewReply(try await service.preview(document))
        try common.output.value(Report(preview), text: preview.text)
      }
    }
  }

  struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "apply", abstract: "Delete what is due and not held.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var actor: ActorOptions
    @Flag(help: "Count and stop.")
    var dryRun = false

    private struct Report: Encodable {
      let due: Int
      let deleted: Int
      let held: Int
      let pending: Int
      let inReview: Int
      let relabelled: Int
      let kept: Int
      /// Months of which nothing is left, so that their keys were destroyed.
      let endedMonths: [String]
      /// Months without messages whose keys something else needs.
      let keptMonths: [String: String]
      let problem: String?

      enum CodingKeys: String, CodingKey {
        case due, deleted, held, pending, relabelled, kept, problem
        case inReview = "in_review"
        case endedMonths = "ended_months"
        case keptMonths = "kept_months"
      }

      init(_ run: RetentionRun) {
        (due, deleted, held, pending) = (run.due, run.deleted, run.held, run.pending)
        (inReview, relabelled, kept, problem) = (run.inReview, run.relabelled, run.kept, run.problem)
        endedMonths = run.expiredPeriods.map(\.description)
        keptMonths = Dictionary(
          uniqueKeysWithValues: run.keptPeriods.map { ($0.key.description, $0.value.rawValue) })
      }

      var text: String {
        let months = endedMonths.map { "\n\($0) has ended: its key is destroyed" }
        let others = keptMonths.sorted { $0.key < $1.key }.map {
          "\n\($0.key) has no messages any more and keeps its key: \(Self.words[$0.value] ?? $0.value)"
        }
        return
          "due \(due), deleted \(deleted), held \(held), pending \(pending), in review \(inReview), labelled \(relabelled), kept \(kept)"
          + (months + others).joined() + (problem.map { "\nproblem: \($0)" } ?? "")
      }

      private static let words = [
        ExpiredPeriods.Need.waiting.rawValue: "changes made in it wait for their messages",
        ExpiredPeriods.Need.change.rawValue: "messages of other months were changed in it",
      ]
    }

    func run() async throws {
      let problem = try await Application.with(try common.settings()) { application in
        let service = application.retention(
          application.directory(try await application.tenant(tenancy.tenant)))
        let (dryRun, actor) = (dryRun, actor.name)
        let run =
          dryRun
          ? try await service.apply(dryRun: true, actor: actor)
          : try await application.holding(.retention) {
            let run = try await service.apply(actor: actor)
            try await application.dropPartitions()
            return run
          }
        if !dryRun { _ = try await application.followFeed() }
        let report = Report(run)
        try common.output.value(report, text: report.text)
        return run.problem
      }
      if problem != nil { throw ExitStatus.doneInPart }
    }
  }

  struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "explain", abstract: "Why a message is kept, hidden, due, held or gone.")
    @Argument(help: "Message id.")
    var message: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    private struct Report: Encodable {
      let messageID: String
      let state: String
      let tier: String?
      let createdAt: String
      let policySet: Int32
      let label: String?
      let events: [String: String]
      let holds: [String]
      let summary: String
      let reasons: [String]

      enum CodingKeys: String, CodingKey {
        case state, tier, label, events, holds, summary, reasons
        case messageID = "message_id"
        case createdAt = "created_at"
        case policySet = "policy_set"
      }
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let service = application.retention(
          application.directory(try await application.tenant(tenancy.tenant)))
        guard let found = try await service.explain(message) else {
          throw SearchError(.unknownMessage, "no message of that id was ever stored in this tenant")
        }
        let report = Report(
          messageID: found.messageID, state: found.state.name, tier: found.tier?.rawValue,
          createdAt: found.createdAt.rfc3339, policySet: found.policySet, label: found.label,
          events: found.events.mapValues(\.rfc3339), holds: found.holds.map { Handle.text("hold", $0) },
          summary: found.summary,
          reasons: found.disposition?.reasons.map(\.description) ?? [])
        let stated =
          (report.label.map { ["label \($0)"] } ?? [])
          + report.events.sorted { $0.key < $1.key }.map { "\($0.key) at \($0.value)" }
        try common.output.value(
          report,
          text: (["\(report.state): \(report.summary)"] + (report.reasons + stated).map { "  " + $0 }).joined(
            separator: "\n"))
      }
    }
  }
}
