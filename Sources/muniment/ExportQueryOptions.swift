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

/// What `export create --dry-run` says.
struct ExportEstimateReport: Encodable {
  struct Custodian: Encodable {
    let subject: String?
    let messages: Int
  }
  let conversations: Int
  let messages: Int
  let sealed: Int
  let restricted: Int
  let custodians: [Custodian]
  let hits: Int?
  let complete: Bool?

  init(_ estimate: ExportEstimate, _ custodians: [ExportEstimate.Custodian], _ query: ExportQuery?) {
    conversations = estimate.conversations.count
    messages = estimate.messages
    sealed = estimate.sealed
    restricted = estimate.restricted
    self.custodians = custodians.map { Custodian(subject: $0.id, messages: $0.messages) }
    hits = query?.hits
    complete = query?.complete
  }

  var text: String {
    let found = hits.map { ", \($0) of them hits" } ?? ""
    let head = """
      would export \(messages) messages of \(conversations) conversations\(found); \(sealed) sealed, \
      \(restricted) kept for a hold only
      """
    let rows = custodians.map { "  \($0.messages)  \($0.subject ?? "(erased)")" }
    let doubt =
      complete == false ? ["the index cannot answer for all of it: see the coverage of `search`"] : []
    return ([head] + rows + doubt).joined(separator: "\n")
  }
}
