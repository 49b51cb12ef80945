import ArgumentParser
import Foundation
import Glibc

/// The one executable: commands and `serve`.
@main
struct Muniment: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "muniment",
    abstract: "Search, archival and compliance for end-to-end-encrypted chat.",
    version: Version.text,
    subcommands: [
      InitCommand.self, ServeCommand.self, StatusCommand.self, IngestCommand.self, SearchCommand.self,
      UsersCommand.self, SavedSearchCommand.self,
      HistoryCommand.self, ArchiveCommand.self, RetentionCommand.self, HoldCommand.self, ExportCommand.self,
      EraseCommand.self, DeletionsCommand.self, AuditCommand.self, IndexCommand.self, KeysCommand.self,
      JobCommand.self, ReportCommand.self,
      AccessTokenCommand.self, TokenizeCommand.self, BenchCommand.self, ConfigCommand.self,
    ])

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch let status as ExitStatus {
      Glibc.exit(status.rawValue)
    } catch {
      guard let failure = Failure(error) else { exit(withError: error) }
      failure.report(json: CommandLine.arguments.contains("--json"))
      Glibc.exit(failure.status.rawValue)
    }
    Glibc.exit(ExitStatus.done.rawValue)
  }
}

enum Version {
  static let text = "0.1.0"
}
