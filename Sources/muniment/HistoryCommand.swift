import History
import Catalog
import ArgumentParser
import Model
import Runtime
import Search

struct HistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Messages of a conversation in order, across hot and cold tiers.")

  @Argument(help: "Conversation id.")
  var conversation: String
  @OptionGroup var common: CommonOptions
  @OptionGroup var tenancy: TenantOptions
  @Option(name: .customLong("as"), help: "The member who reads.")
  var member: String
  @Option(help: "Only messages before this message id.")
  var before: String?
  @Option(help: "Only messages after this message id.")
  var after: String?
  @Option(help: "Messages around this message id.")
  var around: String?
  @Option(help: "Go on where an earlier page ended.")
  var cursor: String?
  @Option(help: "Messages a page (1 to 1000).")
  var limit = 50
  @Option(help: "Open sealed bodies with this key file, as the member's device would.")
  var tokenKey: String?

  func validate() throws {
    guard [before, after, around, cursor].compactMap({ $0 }).count <= 1 else {
      throw ValidationError("give at most one of --before, --after, --around and --cursor")
    }
    guard (1...ConversationHistory.limitMax).contains(limit) else {
      throw ValidationError("--limit takes 1 to 1000")
    }
  }

  private func anchor() throws -> ConversationHistory.Anchor {
    if let before { return .before(before) }
    if let after { return .after(after) }
    if let around { return .around(around) }
    if let cursor { return .cursor(try Cursor(text: cursor)) }
    return .newest
  }

  func run() async throws {
    try await Application.with(try common.settings()) { application in
      let tenant = try await application.tenant(tenancy.tenant)
      let directory = application.directory(tenant)
      guard let subject = try await directory.subject(member) else { throw SearchError.unknownMember }
      var page = try await application.conversationHistory(directory)
        .page(conversation, reader: .member(subject), anchor: try anchor(), limit: limit)
      if let tokenKey {
        let opener = BodyOpener(master: try TokenKeyFile.open(tokenKey, creating: false), tenant: tenant.name)
        page.messages = page.messages.map(opener.opened)
      }
      let gaps = page.coverage.gaps.map {
        "missing: \($0.from ?? "") to \($0.to ?? "") (\($0.reason)); next: muniment archive verify"
      }
      try common.output.value(
        page, text: (page.messages.map(MessageText.line) + gaps).joined(separator: "\n"))
      if !page.coverage.complete { throw ExitStatus.doneInPart }
    }
  }
}
