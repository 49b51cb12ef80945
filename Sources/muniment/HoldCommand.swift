import SearchIndex
import ArgumentParser
import Model
import Retention
import Runtime

struct HoldCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hold", abstract: "Legal holds: what they cover is not deleted by anything.",
    subcommands: [Place.self, List.self, Show.self, Evaluate.self, Release.self, Coverage.self])

  struct Row: Encodable {
    let id: String
    let matter: String
    let reason: String
    let custodians: [String]
    let conversations: [String]
    let from: String?
    let to: String?
    let query: HoldView.Query?
    let placedAt: String
    let releasedAt: String?
    let active: Bool

    init(_ view: HoldView) {
      id = view.handle
      matter = view.matter
      reason = view.reason
      custodians = view.custodians
      conversations = view.conversations
      from = view.from?.rfc3339
      to = view.to?.rfc3339
      query = view.query
      placedAt = view.placedAt.rfc3339
      releasedAt = view.releasedAt?.rfc3339
      active = view.isActive
    }

    enum CodingKeys: String, CodingKey {
      case id, matter, reason, custodians, conversations, from, to, query, active
      case placedAt = "placed_at"
      case releasedAt = "released_at"
    }

    var text: String {
      let found = query.map { "  \($0.words)" } ?? ""
      return "\(id)  \(active ? "active" : "released")  matter \(matter)  placed \(placedAt)\(found)"
    }
  }

  static func number(_ id: String) throws -> Int64 {
    guard let number = Handle.number("hold", id) else {
      throw ValidationError("a hold id looks like hold-0123456789abcdef")
    }
    return number
  }

  static func time(_ text: String?, _ option: String) throws -> Timestamp? {
    guard let text else { return nil }
    guard let time = Timestamp(rfc3339: text) else {
      throw ValidationError("\(option) takes an RFC 3339 time or a date")
    }
    return time
  }

  struct Place: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "place", abstract: "Place a hold.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var actor: ActorOptions
    @Option(help: "The matter it belongs to.")
    var matter: String
    @Option(
      help: """
        Subject whose messages are held, and those sent in conversations while they were a member; repeatable.
        """)
    var custodian: [String] = []
    @Option(help: "Conversation that is held; repeatable.")
    var conversation: [String] = []
    @Option(help: "Only messages from this time on.")
    var from: String?
    @Option(help: "Only messages before this time.")
    var to: String?
    @Option(
      help:
        "Only what this finds of that, in the language of `search`, and what cannot be decided; all until it is read."
    )
    var query: String?
    @Option(help: "Why.")
    var reason: String

    func run() async throws {
      let request = HoldRequest(
        matter: matter, custodians: custodian, conversations: conversation,
        from: try HoldCommand.time(from, "--from"),
        to: try HoldCommand.time(to, "--to"), query: query, reason: reason)
      try await Application.with(try common.settings()) { application in
        let service = application.holds(application.directory(try await application.tenant(tenancy.tenant)))
        let unknown = try await service.unknown(request)
        let id = try await service.place(request, actor: actor.name)
        // The hold is in force, whatever becomes of this: whoever placed it is told its id.
        var failure: (any Error)?
        do { try await HoldCommand.evaluate(id, service, actor.name, common.meter) } catch { failure = error }
        let row = Row(try await service.show(id))
        let placed = Placed(
          row: row, covered: try await service.covered(id), unknownCustodians: unknown)
        try common.output.value(placed, text: placed.text)
        if let failure { throw failure }
      }
    }

    /// A slip of the pen must not look like a hold that works.
    private struct Placed: Encodable {
      let row: Row
      let covered: Int
      let unknownCustodians: [String]

      enum CodingKeys: String, CodingKey {
        case covered = "messages_covered"
        case unknownCustodians = "unknown_custodians"
      }

      func encode(to encoder: any Encoder) throws {
        try row.encode(to: encoder)
        var more = encoder.container(keyedBy: CodingKeys.self)
        try more.encode(covered, forKey: .covered)
        try more.encode(unknownCustodians, forKey: .unknownCustodians)
      }

      var text: String {
        var text = "\(row.text)\n\(covered) messages are covered now"
        for custodian in unknownCustodians {
          text +=
            "\nnobody called \(custodian) is known: held from their first message on, if the id is right"
        }
        return text
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "Holds in the order they were placed.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @Flag(help: "Active ones only.")
    var active = false

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let service = application.holds(application.directory(try await application.tenant(tenancy.tenant)))
        for view in try await service.list(activeOnly: active) {
          try common.output.value(Row(view), text: Row(view).text)
        }
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "One hold.")
    @Argument var id: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    func run() async throws {
      let number = try HoldCommand.number(id)
      try await Application.with(try common.settings()) { application in
        let service = application.holds(application.directory(try await application.tenant(tenancy.tenant)))
        let row = Row(try await service.show(number))
        try common.output.value(row, text: row.details)
      }
    }
  }

  struct Release: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "release", abstract: "Release a hold; deletes nothing by itself.")
    @Argument var id: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var actor: ActorOptions
    @Option(help: "Why.")
    var reason: String

    func run() async throws {
      let number = try HoldCommand.number(id)
      try await Application.with(try common.settings()) { application in
        let service = application.holds(application.directory(try await application.tenant(tenancy.tenant)))
        try await service.release(number, reason: reason, actor: actor.name)
        let row = Row(try await service.show(number))
        try common.output.value(row, text: row.text)
      }
    }
  }

  struct Coverage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "coverage", abstract: "Account for every message a hold covers; exit 5 if any is missing.")
    @Argument var id: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    private struct Report: Encodable {
      let id: String
      let held: Int
      let undecided: Int
      let gaps: [String]
    }

    func run() async throws {
      let number = try HoldCommand.number(id)
      let complete = try await Application.with(try common.settings()) { application in
        let service = application.holds(application.directory(try await application.tenant(tenancy.tenant)))
        let index = application.index
        let coverage = try await service.coverage(number, groups: application.settings.indexGroups) {
          try await index.position(group: $0)
        }
        try common.output.value(
          Report(id: id, held: coverage.kept, undecided: coverage.undecided, gaps: coverage.gaps),
          text: ([Self.words(coverage)] + coverage.gaps).joined(separator: "\n"))
        return coverage.isComplete
      }
      if !complete { throw ExitStatus.verificationFailed }
    }

    private static func words(_ coverage: HoldCoverage) -> String {
      let undecided =
        coverage.undecided == 0
        ? "" : ", \(coverage.undecided) of them as the query cannot be decided for them"
      return "\(coverage.kept) messages held\(undecided)"
    }
  }
}
