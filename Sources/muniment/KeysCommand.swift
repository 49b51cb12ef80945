import ArgumentParser
import KeyVault
import Runtime
import Sodium

struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "The key hierarchy.", subcommands: [StatusOfKeys.self, Rotate.self])

  struct StatusOfKeys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "status",
      abstract: "What keys exist, epochs, and destructions that wait for the backup window.")
    @OptionGroup var common: CommonOptions

    private struct Report: Encodable {
      let keys: [String: Int]
      let epochs: [Int64]
      let pendingDestructions: Int
      let completedDestructions: Int
      let certificateKey: String

      enum CodingKeys: String, CodingKey {
        case keys, epochs
        case pendingDestructions = "pending_destructions"
        case completedDestructions = "completed_destructions"
        case certificateKey = "certificate_key"
      }
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let status = try await application.vault.status()
        let keys = Dictionary(uniqueKeysWithValues: status.keys.map { ("\($0.key)", $0.value) })
        let report = Report(
          keys: keys, epochs: status.shards.map(\.epoch), pendingDestructions: status.pendingCount,
          completedDestructions: status.completedCount,
          certificateKey: application.vault.signingKey("certificate").publicKey.hex)
        let counts = keys.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        try common.output.value(
          report,
          text: """
            keys: \(counts)
            destroyed, waiting for the backup window: \(report.pendingDestructions); beyond recovery: \(report.completedDestructions)
            certificates are signed by \(report.certificateKey)
            """)
      }
    }
  }

  struct Rotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "rotate",
      abstract:
        "Re-wrap survivors of shards with destroyed keys; destroy key-encryption keys whose window passed.")
    @OptionGroup var common: CommonOptions

    private struct Report: Encodable {
      let rewrapped: Int
      let retired: Int
      let erased: Int
      let completed: Int
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let done = try await application.vault.rotate(
          now: Application.clock(), backupWindowSeconds: application.settings.backupWindowSeconds)
        try common.output.value(
          Report(
            rewrapped: done.keysRewrapped, retired: done.keksRetired, erased: done.keksErased,
            completed: done.destructionsCompleted),
          text:
            "re-wrapped \(done.keysRewrapped) keys, retired \(done.keksRetired) and erased \(done.keksErased) key-encryption keys"
        )
      }
    }
  }
}
