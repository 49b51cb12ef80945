import ArgumentParser
import KeyVault
import Model
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

    private struct Shard: Encodable {
      struct Retired: Encodable {
        let epoch: Int64
        let retiredAt: String
        let erasedFrom: String

        enum CodingKeys: String, CodingKey {
          case epoch
          case retiredAt = "retired_at"
          case erasedFrom = "erased_from"
        }
      }
      let shard: Int
      let epoch: Int64
      let retired: [Retired]
      let restored: Bool

      init(_ shard: KeyStatus.Shard, window: Int64) {
        (self.shard, epoch, restored) = (shard.shard, shard.epoch, shard.isRestored)
        retired = shard.retired.map {
          Retired(
            epoch: $0.epoch, retiredAt: $0.retiredAt.rfc3339,
            erasedFrom: $0.retiredAt.adding(seconds: window).rfc3339)
        }
      }
    }

    /// A destroyed key that a backup could still give back.
    private struct Pending: Encodable {
      let kind: String
      let destroyedAt: String
      let reason: String
      /// From when a rotation puts it beyond recovery; `nil` until a rotation has retired its key-encryption key.
      let completedFrom: String?

      enum CodingKeys: String, CodingKey {
        case kind, reason
        case destroyedAt = "destroyed_at"
        case completedFrom = "completed_from"
      }

      init(_ destruction: KeyDestruction, window: Int64) {
        kind = "\(destruction.owner.kind)"
        destroyedAt = destruction.destroyedAt.rfc3339
        reason = destruction.reason
        completedFrom = destruction.kekRetiredAt?.adding(seconds: window).rfc3339
      }
    }

    private struct Report: Encodable {
      let keys: [String: Int]
      let epochs: [Int64]
      let pendingDestructions: Int
      let completedDestructions: Int
      let certificateKey: String
      let shards: [Shard]
      let pending: [Pending]

      enum CodingKeys: String, CodingKey {
        case keys, epochs, shards, pending
        case pendingDestructions = "pending_destructions"
        case completedDestructions = "completed_destructions"
        case certificateKey = "certificate_key"
      }
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let status = try await application.vault.status()
        let window = application.settings.backupWindowSeconds
        let keys = Dictionary(uniqueKeysWithValues: status.keys.map { ("\($0.key)", $0.value) })
        let report = Report(
          keys: keys, epochs: status.shards.map(\.epoch), pendingDestructions: status.pendingCount,
          completedDestructions: status.completedCount,
          certificateKey: application.vault.signingKey("certificate").publicKey.hex,
          shards: status.shards.map { Shard($0, window: window) },
          pending: status.pending.map { Pending($0, window: window) })
        let counts = keys.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        let waiting = report.pending.map {
          "  \($0.kind) key, destroyed \($0.destroyedAt): "
            + ($0.completedFrom.map { "beyond recovery with the first rotation after \($0)" }
              ?? "waits for the next rotation")
        }
        try common.output.value(
          report,
          text: """
            keys: \(counts)
            destroyed, waiting for the backup window: \(report.pendingDestructions); beyond recovery: \(report.completedDestructions)
            certificates are signed by \(report.certificateKey)
            """ + waiting.map { "\n" + $0 }.joined())
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
      /// Shards that were passed over, as their database was restored from a backup.
      let restored: [Int]
      let nextStep: String?

      enum CodingKeys: String, CodingKey {
        case rewrapped, retired, erased, completed, restored
        case nextStep = "next_step"
      }

      var text: String {
        let skipped =
          restored.isEmpty
          ? ""
          : "\n\(restored.count) shards were passed over: their database was restored from a backup, and destroyed "
            + "keys are in it again"
        return skipped + (nextStep.map { "\nnext step: \($0)" } ?? "")
      }
    }

    @OptionGroup var actor: ActorOptions
    @Flag(help: "Show what would be done and stop.")
    var dryRun = false
    @Flag(help: "Change the root key instead. Stop every other process of this home first.")
    var root = false
    @Option(
      help: "With --root: a command that prints the new root key; set root_key.command to it afterwards.")
    var newCommand: String?

    func validate() throws {
      if newCommand != nil, !root { throw ValidationError("--new-command goes with --root") }
      if dryRun, root { throw ValidationError("--dry-run does not go with --root") }
    }

    private struct RootReport: Encodable {
      let changed: Bool
      let nextStep: String?

      enum CodingKeys: String, CodingKey {
        case changed
        case nextStep = "next_step"
      }
    }

    /// Recorded before it happens: after it, this process has the old key.
    private func changeRoot() async throws {
      let settings = try common.settings()
      try await Application.with(settings) { try await $0.recordRootChange(actor: actor.name) }
      let words = newCommand.map { $0.split(separator: " ").map(String.init) }
      let change = try KeyVault.changeRoot(
        directory: settings.home + "/keys", from: settings.rootKeySource, to: words)
      switch change {
      case .done:
        try common.output.value(
          RootReport(changed: true, nextStep: "back up \(settings.home)/keys"),
          text: "the root key is changed; back up \(settings.home)/keys, and destroy copies of the old key")
      case .waiting:
        let step = "set root_key.command to the new command; the next start changes the root key"
        try common.output.value(RootReport(changed: false, nextStep: step), text: "prepared. Next: \(step)")
      }
    }

    func run() async throws {
      if root { return try await changeRoot() }
      let done = try await Application.with(try common.settings()) { application in
        dryRun
          ? try await application.vault.rotationDue(
            now: Application.clock(), backupWindowSeconds: application.settings.backupWindowSeconds)
          : try await application.rotateKeys(actor: actor.name)
      }
      let report = Report(
        rewrapped: done.keysRewrapped, retired: done.keksRetired, erased: done.keksErased,
        completed: done.destructionsCompleted, restored: done.restoredShards,
        nextStep: done.restoredShards.isEmpty ? nil : "muniment erase replay")
      let verbs = dryRun ? ["to re-wrap:", "to retire:", "to erase:"] : ["re-wrapped", "retired", "erased"]
      try common.output.value(
        report,
        text:
          "\(verbs[0]) \(report.rewrapped) keys, \(verbs[1]) \(report.retired), \(verbs[2]) \(report.erased) "
          + "key-encryption keys\(report.text)")
      if !done.restoredShards.isEmpty { throw ExitStatus.doneInPart }
    }
  }
}
