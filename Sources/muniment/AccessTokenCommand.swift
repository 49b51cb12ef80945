import ArgumentParser
import Catalog
import Foundation
import Governance
import KeyVault
import Model
import Runtime
import Server

struct AccessTokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "access-token", abstract: "Make tokens for the HTTP API.", subcommands: [Create.self])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "create", abstract: "Print a signed JWT.",
      discussion: """
        Whoever holds the token may do what its roles allow until it expires; there is no way to take it back but
        to let it expire. For the role member, --subject is the platform's id of the member who reads.
        """)
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @Option(
      name: .customLong("role"),
      help: "ingest, member, compliance, dpo, approver, auditor, operator or admin; may be repeated.")
    var roles: [String]
    @Option(help: "Who bears it: a member's subject id, or the name of a service or person.")
    var subject: String?
    @Option(help: "How long it is valid, such as 1h or 30d; at most 365d.")
    var ttl = "1h"

    private static let ttlSecondsMax: Int64 = 365 * 86_400

    private struct Made: Encodable {
      let token: String
      let id: String
      let expiresAt: String

      enum CodingKeys: String, CodingKey {
        case token, id
        case expiresAt = "expires_at"
      }
    }

    func run() async throws {
      let known = roles.compactMap(Role.init(rawValue:))
      guard known.count == roles.count, !known.isEmpty else {
        throw ValidationError("--role takes \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      guard let seconds = RetentionLength(ttl)?.seconds, (1...Self.ttlSecondsMax).contains(seconds) else {
        throw ValidationError("--ttl takes a duration such as 1h, at most 365d")
      }
      guard subject != nil || !known.contains(.member) else {
        throw ValidationError("a member's token needs --subject, the platform's id of the member")
      }
      let made = try await Application.with(try common.settings()) { application in
        let tenant = try await application.tenant(tenancy.tenant)
        let tokens = AccessTokens(signer: application.vault.signingKey("access-token"), sharedSecret: nil)
        return try tokens.make(
          Principal(subject: subject ?? NSUserName(), tenant: tenant.name, roles: Set(known)),
          ttlSeconds: seconds,
          at: Application.clock())
      }
      try common.output.value(
        Made(token: made.token, id: made.id, expiresAt: made.expiresAt.rfc3339), text: made.token)
    }
  }
}
