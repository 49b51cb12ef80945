import ArgumentParser
import Catalog
import Foundation
import History
import Model
import Runtime
import Search
import SearchTokens
import Server

struct SavedSearchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "saved-search", abstract: "Searches that a member keeps.",
    discussion: """
      Name and query are sealed under the member's key, and are gone when the member is erased. Running one asks \
      anew: it finds what the member may read then.
      """,
    subcommands: [Create.self, List.self, Show.self, Run.self, Delete.self])

  struct Member: ParsableArguments {
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @Option(name: .customLong("as"), help: "The member whose searches they are.")
    var member: String

    func with<R: Sendable>(
      _ body: @Sendable (Application, Directory, SavedSearches, SubjectID) async throws -> R
    ) async throws -> R {
      try await Application.with(try common.settings()) { application in
        let directory = application.directory(try await application.tenant(tenancy.tenant))
        guard let subject = try await directory.subject(member) else {
          throw SearchError.unknownMember
        }
        let searches = SavedSearches(
          directory: directory, database: application.database, vault: application.vault,
          now: Application.clock)
        return try await body(application, directory, searches, subject)
      }
    }
  }

  private struct Row: Encodable {
    let id: String
    let name: String
    let query: String?
    let createdAt: String

    enum CodingKeys: String, CodingKey {
      case id, name, query
      case createdAt = "created_at"
    }

    init(_ saved: SavedSearch) {
      id = saved.handle
      name = saved.name
      // Trees and blinded sets are no text; over HTTP they are shown as they are.
      let search = try? JSONSerialization.jsonObject(with: Data(saved.search)) as? [String: Any]
      query = search?["query"] as? String
      createdAt = saved.createdAt.rfc3339
    }

    var text: String { "\(id)  \(MessageText.clean(name))  \(MessageText.clean(query ?? "(tokens)"))" }
  }

  private static func number(_ id: String) throws -> Int64 {
    guard let number = Handle.number("saved", id) else {
      throw ValidationError("a saved search's id looks like saved-0123456789abcdef")
    }
    return number
  }

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "create", abstract: "Keep a search under a name.")
    @Argument(help: "What it is called.") var name: String
    @Argument(help: "What to look for, as in `muniment search`.") var query: String
    @OptionGroup var member: Member

    func run() async throws {
      _ = try ParsedQuery(query)
      let search = Array(try JSONEncoder().encode(["query": query]))
      let row = try await member.with { _, _, searches, subject in
        Row(try await searches.save(name, search, owner: .member(subject)))
      }
      try member.common.output.value(row, text: row.text)
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "In the order they were kept.")
    @OptionGroup var member: Member

    func run() async throws {
      let saved = try await member.with { try await $2.list(owner: .member($3)) }
      for row in saved.map(Row.init) { try member.common.output.value(row, text: row.text) }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "One of them.")
    @Argument var id: String
    @OptionGroup var member: Member

    func run() async throws {
      let number = try SavedSearchCommand.number(id)
      let row = Row(try await member.with { try await $2.find(number, reader: .member($3)) })
      try member.common.output.value(row, text: row.text)
    }
  }

  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "run", abstract: "Ask it anew; prints what `muniment search` prints.")
    @Argument var id: String
    @OptionGroup var member: Member
    @Option(help: "Hits a page (1 to 200).") var limit = 50
    @Option(help: "Go on where an earlier page ended.") var cursor: String?

    func validate() throws {
      guard (1...SearchRequest.limitMax).contains(limit) else {
        throw ValidationError("--limit takes 1 to 200")
      }
    }

    func run() async throws {
      let number = try SavedSearchCommand.number(id)
      let (limit, cursor) = (limit, try cursor.map { try Cursor(text: $0) })
      let reply = try await member.with { application, directory, searches, subject in
        let saved = try await searches.find(number, reader: .member(subject))
        var request = try SavedSearchBody.request(saved.search)
        request.limit = limit
        request.cursor = cursor
        return try await application.search(directory).search(request, reader: .member(subject))
      }
      try member.common.output.value(reply, text: SearchCommand.text(reply))
    }
  }

  struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Forget one of them.")
    @Argument var id: String
    @OptionGroup var member: Member

    func run() async throws {
      let number = try SavedSearchCommand.number(id)
      try await member.with { try await $2.delete(number, reader: .member($3)) }
      member.common.output.note("deleted \(id)")
    }
  }
}
