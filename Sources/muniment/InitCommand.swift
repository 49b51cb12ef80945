import Postgres
import Model
import ArgumentParser
import Catalog
import Runtime

struct InitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Create home, keystore, database schema and first tenant; safe to repeat.")

  @OptionGroup var common: CommonOptions
  @OptionGroup var tenancy: TenantOptions
  @Option(help: "Whether approver and requester must differ: on or off.")
  var secondPerson: Switch?
  @Option(help: "Whether members may read public channels without joining: on or off.")
  var publicChannels: Switch?

  @Option(
    help: "Whom members find by name: open (everybody) or shared (with whom they share a conversation).")
  var directory: DirectorySetting?
  @Option(help: "Whether the server makes search tokens of names that come without: on or off.")
  var nameTokens: Switch?

  enum DirectorySetting: String, ExpressibleByArgument, CaseIterable { case open, shared }
  enum Switch: String, ExpressibleByArgument, CaseIterable { case on, off }

  private struct Made: Encodable {
    let id: String
    let home: String
    let tenant: String
  }

  /// The tenant's settings that were named, by key.
  private var switches: [(key: String, value: Bool)] {
    let named: [(String, Bool?)] = [
      ("approvals.second_person", secondPerson.map { $0 == .on }),
      ("search.public_channels", publicChannels.map { $0 == .on }),
      ("directory.open", directory.map { $0 == .open }),
      ("directory.server_tokens", nameTokens.map { $0 == .on }),
    ]
    return named.compactMap { key, value in value.map { (key, $0) } }
  }

  func run() async throws {
    let settings = try common.settings()
    let name = tenancy.tenant ?? Application.defaultTenant
    try await Application.with(settings, creating: true) { application in
      let switches = switches
      let tenant = try await application.database.transaction { tx in
        let tenant = try Tenants.ensure(name, at: Application.clock(), in: tx)
        for (key, value) in switches { try Tenants.set(key, value, tenant: tenant.id, in: tx) }
        return tenant
      }
      try common.output.value(
        Made(id: String(tenant.id.rawValue), home: settings.home, tenant: tenant.name),
        text: "tenant \(tenant.name) is ready in \(settings.home)")
    }
  }
}
