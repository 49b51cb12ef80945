import ArgumentParser
import Catalog
import History
import Runtime
import Server

struct DeletionsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deletions", abstract: "What clients are to drop their copies of.", subcommands: [List.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "Messages that went, in order; asking acknowledges nothing.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @Option(help: "Only those after this sequence.")
    var after: Int64 = 0
    @Option(help: "At most so many.")
    var limit = 1_000

    private static let pageMax = 500

    func run() async throws {
      guard limit > 0, after >= 0 else {
        throw ValidationError("--limit takes a number above 0, --after one from 0 on")
      }
      try await Application.with(try common.settings()) { application in
        let tenant = try await application.tenant(tenancy.tenant)
        guard let notices = application.notices(application.directory(tenant)) else {
          throw ValidationError(
            "deletions are written down for nobody; set deletions.outbox to on for them to be")
        }
        var (last, rest) = (after, limit)
        while rest > 0 {
          let page = try await notices.read(after: last, limit: min(rest, Self.pageMax))
          guard let next = page.last?.sequence else { return }
          for notice in page {
            try common.output.value(
              DeletionLine(notice, tenant: tenant.name),
              text: "\(notice.sequence)  \(notice.conversation)  \(notice.message ?? "(unreadable)")")
          }
          (last, rest) = (next, rest - page.count)
        }
      }
    }
  }
}
