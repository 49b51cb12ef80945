import ArgumentParser
import Catalog
import History
import Ingestion
import Runtime
import Search
import SearchTokens

struct UsersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "users", abstract: "The directory of people.", subcommands: [SearchUsers.self])

  struct SearchUsers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "search", abstract: "Find people by name, as a member: each word whole, or its beginning.",
      discussion: """
        A member finds those with whom they share a conversation, or everybody where the tenant's directory is open \
        (muniment init --directory open). With --token-key the words are blinded here; beginnings of 3 to 6 letters \
        find then only where names came with blinded beginnings (--prefixes).
        """)
    @Argument(help: "Words of a name.")
    var query: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @Option(name: .customLong("as"), help: "The member who looks.")
    var member: String
    @Option(help: "People a page (1 to 100).")
    var limit = 20
    @Option(help: "Go on where an earlier page ended.")
    var cursor: String?
    @Option(help: "Key file of a client; the words are blinded with it.")
    var tokenKey: String?
    @Flag(help: "With --token-key: words of 3 to 6 letters are looked for as beginnings.")
    var prefixes = false

    func validate() throws {
      guard (1...UserRequest.limitMax).contains(limit) else {
        throw ValidationError("--limit takes 1 to \(UserRequest.limitMax)")
      }
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let tenant = try await application.tenant(tenancy.tenant)
        let directory = application.directory(tenant)
        guard let subject = try await directory.subject(member) else {
          throw SearchError.unknownMember
        }
        var request = UserRequest(try asked(tenant.name))
        request.limit = limit
        request.cursor = cursor
        let reply = try await UserSearch(directory: directory, database: application.database)
          .search(request, reader: .member(subject))
        try common.output.value(reply, text: text(reply))
      }
    }

    private func asked(_ tenant: String) throws -> UserRequest.Query {
      guard let tokenKey else { return .plain(query) }
      let key = try TokenKeyFile.open(tokenKey, creating: false).conversationKey(
        tenant: tenant, conversation: CorpusClient.directory, generation: CorpusClient.generation)
      let found = Set(Tokenizer().tokens(in: query).words)
      let beginnings = prefixes ? found.filter(Self.isBeginning) : []
      return .blinded(
        words: found.subtracting(beginnings).map { key.token($0).bytes },
        prefixes: beginnings.map { key.token($0, .prefix).bytes })
    }

    private static func isBeginning(_ word: String) -> Bool {
      TokenizedText.prefixScalars.contains(word.unicodeScalars.count)
    }

    private func text(_ reply: UserReply) -> String {
      var lines = reply.users.map { MessageText.clean("\($0.subjectID)  \($0.displayName ?? "")") }
      if let cursor = reply.nextCursor { lines.append("more: --cursor \(cursor)") }
      lines += reply.coverage.gaps.map { "not complete: \($0.reason)" }
      return lines.isEmpty ? "nobody you can see has such a name" : lines.joined(separator: "\n")
    }
  }
}
