import ArgumentParser
import Model
import Retention
import Runtime

extension HoldCommand {
  struct Evaluate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "evaluate",
      abstract: "Read what was not read yet for a hold's query, or for all; the nightly job does it too.")
    @Argument(help: "One hold; without, all that are active and have a query.")
    var id: String?
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var actor: ActorOptions

    func run() async throws {
      let number = try id.map(HoldCommand.number)
      try await Application.with(try common.settings()) { application in
        let service = application.holds(application.directory(try await application.tenant(tenancy.tenant)))
        for view in try await views(service, number) {
          try await HoldCommand.evaluate(view.id, service, actor.name, common.meter)
          let row = Row(try await service.show(view.id))
          try common.output.value(row, text: row.text)
        }
      }
    }

    private func views(_ service: HoldService, _ number: Int64?) async throws -> [HoldView] {
      if let number { return [try await service.show(number)] }
      return try await service.list(activeOnly: true).filter { $0.query != nil }
    }
  }

  /// The hold is in force already; whoever stops this leaves it keeping all it covers.
  static func evaluate(_ id: Int64, _ service: HoldService, _ actor: String, _ meter: ProgressMeter)
    async throws
  {
    _ = try await service.evaluate(id, actor: actor) { meter.update("read", count: $0) }
    meter.finish()
  }
}

extension HoldCommand.Row {
  var details: String { "\(text)\nreason: \(reason)" + (query.map { "\nquery: \($0.text)" } ?? "") }
}

extension HoldView.Query {
  var words: String {
    guard let evaluatedAt else { return "holds all it covers until it is evaluated" }
    return "\(matches) match, \(undecided) undecided, \(excluded) excluded, evaluated \(evaluatedAt.rfc3339)"
  }
}
