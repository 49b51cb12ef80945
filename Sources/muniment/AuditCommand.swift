import Postgres
import ArgumentParser
import AuditLog
import Foundation
import Runtime
import Sodium

struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "The tamper-evident log.",
    subcommands: [Head.self, List.self, Prove.self, Verify.self])

  struct Head: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "head", abstract: "Sign and print a checkpoint of the log as it is now; keep it elsewhere."
    )
    @OptionGroup var common: CommonOptions

    private struct Shown: Encodable {
      let size: Int64
      let root: String
      let checkpoint: String
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let audit = application.audit
        let (head, note) = try await application.database.transaction { tx in
          let note = try audit.checkpoint(in: tx, at: Application.clock())
          return (try audit.head(in: tx), note)
        }
        try common.output.value(
          Shown(size: head.size, root: head.root.base64(), checkpoint: note), text: note)
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Entries in order.")
    @OptionGroup var common: CommonOptions
    @Option(help: "First entry.")
    var from: Int64 = 0
    @Option(help: "Entries at most.")
    var limit = 1_000

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let (audit, from, limit) = (application.audit, from, limit)
        let entries = try await application.database.transaction { tx in
          try audit.entries(from: from, limit: limit, in: tx)
        }
        // Entries are canonical JSON already; printed as they are, so that their hashes can be checked.
        for entry in entries { print(String(decoding: entry.bytes, as: UTF8.self)) }
      }
    }
  }

  struct Prove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "prove", abstract: "Proof that an entry is in the log (C2SP tlog-proof).")
    @Argument(help: "Number of the entry.")
    var index: Int64
    @OptionGroup var common: CommonOptions

    private struct Shown: Encodable {
      let index: Int64
      let proof: String
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let (audit, index) = (application.audit, index)
        let proof = try await application.database.transaction { tx in
          _ = try audit.checkpoint(in: tx, at: Application.clock())
          return try audit.proof(of: index, in: tx)
        }
        try common.output.value(Shown(index: index, proof: proof.text), text: proof.text)
      }
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify", abstract: "Recompute the log from its entries; exit 5 on any difference.")
    @OptionGroup var common: CommonOptions
    @Option(help: "A checkpoint kept elsewhere, which the log must still contain.")
    var checkpoint: String?

    private struct Report: Encodable {
      let size: Int64
      let checkpoints: Int
      let problems: [String]
    }

    func run() async throws {
      let kept = try checkpoint.map { path in
        guard let data = FileManager.default.contents(atPath: path) else {
          throw ValidationError("the checkpoint file cannot be read")
        }
        return String(decoding: data, as: UTF8.self)
      }
      let found = try await Application.with(try common.settings()) { application in
        try await application.audit.verify(checkpoint: kept, on: application.database)
      }
      try common.output.value(
        Report(size: found.size, checkpoints: found.checkpoints, problems: found.problems.map(\.description)),
        text: (found.problems.map(\.description) + [
          "\(found.size) entries, \(found.checkpoints) checkpoints checked"
        ])
        .joined(separator: "\n"))
      if !found.isIntact { throw ExitStatus.verificationFailed }
    }
  }
}
