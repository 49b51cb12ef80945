import ArgumentParser
import Exporting
import History
import Runtime
import Server

/// What a package takes in beyond people, places and times.
struct ExportQueryOptions: ParsableArguments {
  @Option(help: "Only what this query finds, in the language of `search`, words the server may read.")
  var query: String?
  @Option(
    help: "With --query: so many messages before and after each hit (0 to 1000), or day, for its whole day.")
  var context = "0"
  @Flag(help: "With --query: the whole thread of each hit.")
  var threads = false

  func validate() throws {
    guard ExportQuery.Context(context) != nil else {
      throw ValidationError("--context takes 0 to \(ExportQuery.Context.messagesMax), or day")
    }
    guard query != nil || (context == "0" && !threads) else {
      throw ValidationError("--context and --threads go with --query")
    }
  }

  func narrow(
    _ selection: ExportSelection, subject: String?, conversations: [String], _ application: Application,
    _ directory: Directory
  ) async throws -> ExportSelection {
    guard let query, let context = ExportQuery.Context(context) else { return selection }
    return try await QuerySelection(
      search: application.search(directory), exporter: application.exporter(directory)
    ).narrow(
      selection, subject: subject, conversations: conversations, query: query, context: context,
      threads: threads)
  }
}
