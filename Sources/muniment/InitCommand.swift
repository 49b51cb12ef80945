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

  enum Switch: String, ExpressibleByArgument, CaseIterable { case on, off }

  private struct Made: Encodable {
    let id: String
    let home: String
    let tenant: String
  }

  func run() async throws {
    let settings = try common.settings()
    let name = tenancy.tenant ?? Application.defaultTenant
    try await Application.with(settings, creating: true) { application in
      let (secondPerson, publicChannels) = (secondPerson, publicChannels)
      let tenant = try await application.database.transaction { tx in
        let tenant = try Tenants.ensure(name, at: Application.clock(), in: tx)
        if let secondPerson {
          try Tenants.set("approvals.second_person", secondPerson == .on, tenant: tenant.id, in: tx)
        }
        if let publicChannels {
          try Tenants.set("search.public_channels", publicChannels == .on, tenant: tenant.id, in: tx)
        }
        return tenant
      }
      try common.output.value(
        Made(id: String(tenant.id.rawValue), home: settings.home, tenant: tenant.name),
        text: "tenant \(tenant.name) is ready in \(settings.home)")
    }
  }
}
