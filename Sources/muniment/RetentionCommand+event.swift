import ArgumentParser
import Catalog
import Model
import Retention
import Runtime
import Server

extension RetentionCommand {
  struct Event: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "event", abstract: "When what policies with `clock: event` count from has happened.",
      subcommands: [RecordEvent.self, WithdrawEvent.self, ListEvents.self])
  }

  /// What happened, and to what or whom.
  struct EventArguments: ParsableArguments {
    @Argument(help: "The event's name, as policies have it.")
    var event: String
    @Option(help: "The conversation it happened to.")
    var conversation: String?
    @Option(help: "The author it happened to.")
    var subject: String?
    @Option(help: "Why, for the audit log.")
    var justification: String
    @Flag(help: "Say what would be due by it and when; store nothing.")
    var dryRun = false
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var actor: ActorOptions

    func state(at time: Timestamp?) async throws {
      let target: EventTarget
      switch (conversation, subject) {
      case (let id?, nil): target = .conversation(id)
      case (nil, let id?): target = .subject(id)
      default: throw ValidationError("give one of --conversation and --subject")
      }
      try await Application.with(try common.settings()) { application in
        let service = application.retention(
          application.directory(try await application.tenant(tenancy.tenant)))
        if dryRun {
          let found = StatementPreviewReply(
            try await service.previewEvent(event, of: target, at: time, justification: justification))
          return try common.output.value(found, text: found.text)
        }
        let reply = EventReply(
          try await service.stateEvent(
            event, of: target, at: time, justification: justification, actor: actor.name))
        try common.output.value(
          reply, text: reply.text + "\nwhat it deletes goes after \(reply.settlesAt) at the earliest")
      }
    }
  }

  struct RecordEvent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "record",
      abstract: "Put on record that it happened; again with another time, to correct it.")
    @OptionGroup var arguments: EventArguments
    @Option(help: "When: RFC 3339, past or to come (default: now).")
    var at: String?

    func run() async throws {
      try await arguments.state(at: try HoldCommand.time(at, "--at") ?? Application.clock())
    }
  }

  struct WithdrawEvent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "withdraw", abstract: "It did not happen: policies wait for it again.")
    @OptionGroup var arguments: EventArguments

    func run() async throws { try await arguments.state(at: nil) }
  }

  struct ListEvents: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "What was stated, without what was withdrawn.")
    @Option(help: "This one only.")
    var event: String?
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    func run() async throws {
      try await RetentionCommand.list(common, tenancy) { service, cursor in
        let page = try await service.events(event, after: cursor)
        for view in page {
          let reply = EventReply(view)
          try common.output.value(reply, text: reply.text)
        }
        return page.last?.row.id
      }
    }
  }
}
