import ArgumentParser
import Catalog
import Retention
import Runtime
import Server

extension RetentionCommand {
  struct Label: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "label", abstract: "Labels that policies are for: one a message or conversation.",
      subcommands: [ApplyLabel.self, RemoveLabel.self, ListLabels.self])
  }

  /// What to put a label on, or to take it off.
  struct LabelArguments: ParsableArguments {
    @Option(help: "The conversation with all its messages, later ones included.")
    var conversation: String?
    @Option(help: "The message; its own label stands in for its conversation's.")
    var message: String?
    @Option(help: "Why, for the audit log.")
    var justification: String
    @Flag(help: "Say what would be due by it and when; store nothing.")
    var dryRun = false
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var actor: ActorOptions

    func set(_ label: String?) async throws {
      let target: LabelTarget
      switch (conversation, message) {
      case (let id?, nil): target = .conversation(id)
      case (nil, let id?): target = .message(id)
      default: throw ValidationError("give one of --conversation and --message")
      }
      try await Application.with(try common.settings()) { application in
        let service = application.retention(
          application.directory(try await application.tenant(tenancy.tenant)))
        if dryRun {
          let found = StatementPreviewReply(
            try await service.previewLabel(label, on: target, justification: justification))
          return try common.output.value(found, text: found.text)
        }
        let reply = LabelReply(
          try await service.setLabel(label, on: target, justification: justification, actor: actor.name))
        try common.output.value(
          reply, text: reply.text + "\nwhat it deletes goes after \(reply.settlesAt) at the earliest")
      }
    }
  }

  struct ApplyLabel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "apply", abstract: "Label a message or a conversation, in place of the label it has.")
    @Option(help: "Stored in the clear: it must not name a person.")
    var label: String
    @OptionGroup var arguments: LabelArguments

    func run() async throws { try await arguments.set(label) }
  }

  struct RemoveLabel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "remove", abstract: "Take the label off.")
    @OptionGroup var arguments: LabelArguments

    func run() async throws { try await arguments.set(nil) }
  }

  struct ListLabels: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "What carries a label of its own.")
    @Option(help: "This one only.")
    var label: String?
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    func run() async throws {
      try await RetentionCommand.list(common, tenancy) { service, cursor in
        let page = try await service.labels(label, after: cursor)
        for view in page {
          let reply = LabelReply(view)
          try common.output.value(reply, text: reply.text)
        }
        return page.last?.row.id
      }
    }
  }
}
