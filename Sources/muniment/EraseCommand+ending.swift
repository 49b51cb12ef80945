import ArgumentParser
import Catalog
import Erasure
import Runtime

extension EraseCommand {
  struct Withdraw: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "withdraw", abstract: "End a request because the person took it back; nothing is erased.")
    @OptionGroup var erasure: ErasureArgument
    @OptionGroup var actor: ActorOptions
    @Option(help: "Why, for the record; sealed.")
    var reason: String

    func run() async throws { try await erasure.end(as: .withdrawn, reason, by: actor.name) }
  }

  struct Refuse: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "refuse",
      abstract: "End a request that is not granted, with the reason; nothing is erased.")
    @OptionGroup var erasure: ErasureArgument
    @OptionGroup var actor: ActorOptions
    @Option(help: "Why, for the record; sealed. The person is told (GDPR Art. 12(4)).")
    var reason: String

    func run() async throws { try await erasure.end(as: .refused, reason, by: actor.name) }
  }

  struct Extend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "extend", abstract: "Two months more, once, before the request is due (GDPR Art. 12(3)).")
    @OptionGroup var erasure: ErasureArgument
    @OptionGroup var actor: ActorOptions
    @Option(help: "Why, for the record; sealed. The person is told.")
    var reason: String

    func run() async throws {
      let row = try await erasure.with { try await $0.extend($1, reason: reason, actor: actor.name) }
      try erasure.common.output.value(Row(row), text: Row(row).text)
    }
  }
}

extension EraseCommand.ErasureArgument {
  fileprivate func end(as ending: ErasureService.Ending, _ reason: String, by actor: String) async throws {
    let row = try await with { try await $0.end($1, as: ending, reason: reason, actor: actor) }
    try common.output.value(EraseCommand.Row(row), text: EraseCommand.Row(row).text)
  }
}
