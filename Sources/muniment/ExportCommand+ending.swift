import ArgumentParser
import Exporting
import Runtime

extension ExportCommand {
  struct ExportArgument: ParsableArguments {
    @Argument(help: "As `export list` gives it.") var id: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    fileprivate func run(_ body: @Sendable (Exporter, String) async throws -> ExportRecord) async throws
      -> Bool
    {
      let id = id
      return try await Application.with(try common.settings()) { application in
        let exporter = application.exporter(
          application.directory(try await application.tenant(tenancy.tenant)))
        let record = try await body(exporter, id)
        try common.output.value(Row(record), text: Row(record).text)
        return record.isComplete
      }
    }
  }

  struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "resume",
      abstract: "Go on with an export that was interrupted, from where it last wrote down how far it was.")
    @OptionGroup var export: ExportArgument

    func run() async throws {
      let meter = export.common.meter
      let isComplete = try await export.run { exporter, id in
        let record = try await exporter.resume(id) {
          meter.update(
            "export", count: $0.messages, share: Double($0.messages) / Double(max($0.expected, 1)))
        }
        meter.finish()
        return record
      }
      if !isComplete { throw ExitStatus.doneInPart }
    }
  }

  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "cancel", abstract: "Stop an export that runs or was interrupted; nothing of it is left.")
    @OptionGroup var export: ExportArgument
    @OptionGroup var actor: ActorOptions

    func run() async throws {
      let name = actor.name
      _ = try await export.run { try await $0.cancel($1, actor: name) }
    }
  }

  struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "delete",
      abstract: "Remove the package of an export, or stop one that runs; the record stays.")
    @OptionGroup var export: ExportArgument
    @OptionGroup var actor: ActorOptions
    @Flag(help: "Say what would go, and stop; refuses what the real one refuses.")
    var dryRun = false
    @Flag(help: "Write off a withdrawn package whose home is lost with all that was in it.")
    var lost = false

    func validate() throws {
      guard !dryRun || !lost else { throw ValidationError("--dry-run does not go with --lost") }
    }

    func run() async throws {
      let (name, isDry, isLost) = (actor.name, dryRun, lost)
      _ = try await export.run {
        if isDry { return try await $0.wouldDelete($1) }
        return isLost ? try await $0.writeOff($1, actor: name) : try await $0.delete($1, actor: name)
      }
    }
  }
}
