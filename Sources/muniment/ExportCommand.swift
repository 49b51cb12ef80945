import Catalog
import ArgumentParser
import Exporting
import Foundation
import History
import Model
import Retention
import Runtime
import Server
import Sodium

struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Packages of messages for people, regulators and courts.",
    subcommands: [
      Create.self, List.self, Show.self, Resume.self, Cancel.self, Delete.self, VerifyPackage.self,
      MakeOverlay.self,
    ])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "create",
      abstract: "Write a package: files, warnings, signed manifest, custody, in a directory or one ZIP file.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var actor: ActorOptions
    @Option(
      help: "\(ExportFormat.allCases.map(\.rawValue).joined(separator: ", ")); repeatable.")
    var format: [String]
    @Option(help: "Directory to make; a name that ends in .zip: one file.")
    var output: String
    @Option(help: "Encrypt to this age recipient, age1…; repeatable. The name must end in .age then.")
    var recipient: [String] = []
    @Option(
      help: "Cut the file into parts of this size, as in 700M or 4G; `verify` takes the list X.parts.json.")
    var split: String?
    @Option(help: "Only what this subject wrote.")
    var subject: String?
    @Option(help: "Only this conversation; repeatable.")
    var conversation: [String] = []
    @Option(help: "Only what this hold keeps; of a hold by query, what it finds and what cannot be decided.")
    var hold: String?
    @Option(help: "From this time on.")
    var from: String?
    @Option(help: "Before this time.")
    var to: String?
    @OptionGroup var finding: ExportQueryOptions
    @Flag(help: "The whole tenant is meant: say nothing about that.")
    var everything = false
    @Option(help: "Read so many messages a second at most.")
    var rate: Int?
    @Flag(help: "Estimate and stop.")
    var dryRun = false

    private static func next(_ packaging: ExportPackaging, _ path: String, isSplit: Bool) -> String {
      if isSplit { return "muniment export verify \(path).parts.json" }
      return packaging.recipients.isEmpty
        ? "muniment export verify \(path)"
        : "hand it over; who has a key runs: age -d -i KEY -o X.zip \(path), then muniment export verify X.zip"
    }

    private func formats() throws -> Set<ExportFormat> {
      Set(
        try format.map { name in
          guard let format = ExportFormat(rawValue: name) else {
            throw ValidationError(
              "--format takes \(ExportFormat.allCases.map(\.rawValue).joined(separator: ", ")); there is no \(name)"
            )
          }
          return format
        })
    }

    private func packaging() throws -> ExportPackaging {
      do {
        return try ExportPackaging(path: output, recipients: try recipient.map(AgeRecipient.init))
      } catch let error as ExportError {
        throw ValidationError(error.description)
      } catch let error as AgeError {
        throw ValidationError("--recipient: \(error)")
      }
    }

    private var isWide: Bool {
      subject == nil && conversation.isEmpty && hold == nil && from == nil && to == nil
        && finding.query == nil
    }

    private func partBytes() throws -> Int64? {
      do {
        return try split.map(Exporter.partBytes)
      } catch let error as ExportError {
        throw ValidationError(error.description)
      }
    }

    func validate() throws {
      guard rate.map({ $0 > 0 }) ?? true else { throw ValidationError("--rate takes a number from 1 on") }
      guard !everything || isWide else { throw ValidationError("--everything goes with no other condition") }
    }

    func run() async throws {
      let formats = try formats()
      let packaging = try packaging()
      let partBytes = try partBytes()
      let (start, end) = (try HoldCommand.time(from, "--from"), try HoldCommand.time(to, "--to"))
      let holdNumber = try hold.map(HoldCommand.number)
      let partial = try await Application.with(try common.settings()) { application in
        let directory = application.directory(try await application.tenant(tenancy.tenant))
        var exporter = application.exporter(directory)
        exporter.settings.messagesPerSecond = rate ?? exporter.settings.messagesPerSecond
        var selection = try await exporter.selection(
          subject: subject, conversations: conversation, hold: holdNumber, from: start, to: end)
        if let holdNumber {
          // Of a hold by query, as little as can be goes out undecided.
          _ = try await application.holds(directory).evaluate(holdNumber, actor: actor.name)
        }
        selection = try await finding.narrow(
          selection, subject: subject, conversations: conversation, application, directory)
        if selection.conditions.isEmpty, !everything {
          common.output.warn(
            "nothing narrows the selection: this is the whole tenant \(directory.tenant.name); "
              + "--everything says that is meant"
          )
        }
        if dryRun {
          let estimate = try await exporter.estimate(selection)
          try await exporter.noteEstimate(selection, messages: estimate.messages, actor: actor.name)
          let report = ExportEstimateReport(
            estimate, try await exporter.custodians(selection), selection.query,
            try await exporter.storage(selection, messages: estimate.messages))
          try common.output.value(report, text: report.text)
          return false
        }
        let meter = common.meter
        let record = try await exporter.create(
          selection, formats: formats, output: output, as: packaging, partBytes: partBytes,
          actor: actor.name
        ) {
          meter.update("export", count: $0.messages, share: Double($0.messages) / Double(max($0.expected, 1)))
        }
        meter.finish()
        try common.output.value(
          Row(record),
          text: "\(Row(record).text)\nnext: \(Self.next(packaging, output, isSplit: split != nil))")
        return !record.isComplete
      }
      if partial { throw ExitStatus.doneInPart }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Exports of a tenant.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let exporter = application.exporter(
          application.directory(try await application.tenant(tenancy.tenant)))
        for record in try await exporter.list() {
          try common.output.value(Row(record), text: Row(record).text)
        }
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "One export.")
    @Argument var id: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let exporter = application.exporter(
          application.directory(try await application.tenant(tenancy.tenant)))
        let row = Row(try await exporter.show(id))
        try common.output.value(row, text: row.text)
      }
    }
  }
}
