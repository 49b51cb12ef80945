import ArgumentParser
import AuditLog
import Foundation
import Postgres
import Runtime
import Sodium

struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "The tamper-evident log.",
    subcommands: [
      Head.self, Key.self, List.self, Export.self, Prove.self, Consistency.self, Cosign.self, Verify.self,
    ])

  struct Head: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "head", abstract: "Sign and print a checkpoint of the log as it is now; keep it elsewhere."
    )
    @OptionGroup var common: CommonOptions

    private struct Shown: Encodable {
      let size: Int64
      let root: String
      let checkpoint: String
      let key: String
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let audit = application.audit
        let (head, note) = try await application.database.transaction { tx in
          let note = try audit.checkpoint(in: tx, at: Application.clock())
          return (try audit.head(in: tx), note)
        }
        try common.output.value(
          Shown(
            size: head.size, root: head.root.base64(), checkpoint: note, key: audit.key.verifierKey),
          text: note)
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
    @Option(help: "File to write the proof to, such as entry.tlog-proof.")
    var output: String?

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
        if let output { try Data(proof.text.utf8).write(to: URL(fileURLWithPath: output), options: .atomic) }
        try common.output.value(Shown(index: index, proof: proof.text), text: output == nil ? proof.text : "")
      }
    }
  }
}
