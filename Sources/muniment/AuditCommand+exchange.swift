import ArgumentParser
import AuditLog
import Catalog
import Foundation
import Model
import Postgres
import Runtime

/// What leaves the log for others, and what comes back from them.
extension AuditCommand {
  struct Key: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "key", abstract: "The log's verifier key, for whoever checks checkpoints and proofs.")
    @OptionGroup var common: CommonOptions

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let key = application.audit.key
        try common.output.value(["key": key.verifierKey, "origin": key.name], text: key.verifierKey)
      }
    }
  }

  struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "export",
      abstract: "Entries as JSON lines, for a collector of security events or an offline check.",
      discussion: """
        Each line has `index`, `entry` (the canonical bytes that are hashed) and, unless --no-readable, `readable`: \
        the actor and other parts in the clear; null where one was erased. Go on with --from one more than the last.
        """)
    @OptionGroup var common: CommonOptions
    @Option(help: "First entry.")
    var from: Int64 = 0
    @Option(help: "Only entries of this tenant (default: all; an offline check needs all).")
    var tenant: String?
    @Option(help: "File to write (default: standard output).")
    var output: String?
    @Flag(inversion: .prefixedNo, help: "Parts in the clear.")
    var readable = true

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let (audit, database) = (application.audit, application.database)
        let end = try await database.read { tx in try audit.head(in: tx).size }
        let only: TenantID? =
          if let tenant { try await application.tenant(tenant).id } else { nil }
        let file = try handle()
        var (position, count) = (from, 0)
        while true {
          let (first, readable) = (position, readable)
          let lines = try await database.read { tx in
            try audit.lines(
              from: first, until: end, limit: AuditLog.pageMax, tenant: only, readable: readable, in: tx)
          }
          guard let last = lines.last else { break }
          try file.write(contentsOf: Data(lines.map { $0.text + "\n" }.joined().utf8))
          (position, count) = (last.index + 1, count + lines.count)
        }
        if output != nil {
          try file.synchronize()
          try common.output.value(
            ["entries": count, "next": Int(position)], text: "\(count) entries written")
        }
      }
    }

    private func handle() throws -> FileHandle {
      guard let output else { return .standardOutput }
      guard
        FileManager.default.createFile(atPath: output, contents: nil, attributes: [.posixPermissions: 0o600]),
        let file = FileHandle(forWritingAtPath: output)
      else { throw ValidationError("the file \(output) cannot be written") }
      return file
    }
  }

  struct Consistency: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "consistency",
      abstract:
        "Proof that the log grew out of its first OLD entries, as a witness asks for it (C2SP tlog-witness).")
    @Argument(help: "Size of the older log; 0 for a witness that has seen none.")
    var old: Int64
    @OptionGroup var common: CommonOptions

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let (audit, old) = (application.audit, old)
        let request = try await application.database.transaction { tx in
          _ = try audit.checkpoint(in: tx, at: Application.clock())
          return try audit.witnessRequest(from: old, in: tx)
        }
        try common.output.value(
          ["request": request], text: request.trimmingCharacters(in: .newlines))
      }
    }
  }

  struct Cosign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "cosign",
      abstract: "Take in what witnesses signed under a checkpoint (C2SP tlog-cosignature).")
    @Argument(
      help:
        "File with a witness's answer, or with a checkpoint and signatures below it; - for standard input.")
    var file: String
    @OptionGroup var common: CommonOptions
    @Option(help: "Size of the checkpoint that bare signature lines belong to (default: the newest).")
    var size: Int64?

    func run() async throws {
      let data =
        file == "-"
        ? FileHandle.standardInput.readDataToEndOfFile() : FileManager.default.contents(atPath: file)
      guard let data else { throw ValidationError("the file \(file) cannot be read") }
      try await Application.with(try common.settings()) { application in
        let (audit, size) = (application.audit, size)
        let accepted = try await application.database.transaction { tx in
          try audit.acceptCosignatures(
            String(decoding: data, as: UTF8.self), size: size, at: Application.clock(), in: tx)
        }
        try common.output.value(
          ["witnesses": accepted], text: "accepted: " + accepted.joined(separator: ", "))
      }
    }
  }
}
