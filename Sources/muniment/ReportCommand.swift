import ArgumentParser
import Foundation
import Runtime
import Server

struct ReportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Reports for authorities and officers.", subcommands: [Processing.self])

  struct Processing: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "processing",
      abstract: "Records of processing activities (GDPR Art. 30), from configuration and data.",
      discussion: "Who the controller is, purposes and transfers come from the settings processing.*.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @Option(help: "markdown or json (default: markdown; json with --json).")
    var format: Format?

    enum Format: String, ExpressibleByArgument { case markdown, json }

    func run() async throws {
      let report = try await Application.with(try common.settings()) { application in
        try await application.processingReport(try await application.tenant(tenancy.tenant))
      }
      let output = Output(json: format.map { $0 == .json } ?? common.json, quiet: common.quiet)
      try output.value(report, text: report.markdown.trimmingCharacters(in: .newlines))
    }
  }
}
