import ArgumentParser
import AuditLog
import Foundation
import Ingestion
import Runtime

extension AuditCommand {
  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify", abstract: "Recompute the log from its entries; exit 5 on any difference.",
      discussion: """
        Works on the home's log; with --entries, on a file that `audit export` wrote, and with --proof, on a \
        proof, both with the log's public key alone: without a home or a database.
        """)
    @OptionGroup var common: CommonOptions
    @Option(help: "A checkpoint kept elsewhere, which the log must still contain.")
    var checkpoint: String?
    @Option(help: "A file of exported entries, from entry 0 on, to check against --checkpoint.")
    var entries: String?
    @Option(help: "A .tlog-proof file to check; --entries has the line of its entry.")
    var proof: String?
    @Option(help: "The log's verifier key, as `audit key` prints it.")
    var key: String?
    @Option(help: "A witness's verifier key, which must have signed the checkpoint. Repeatable.")
    var witness: [String] = []

    func validate() throws {
      guard entries != nil || proof != nil else {
        guard key == nil, witness.isEmpty else {
          throw ValidationError("--key and --witness go with --entries or --proof")
        }
        return
      }
      guard key.flatMap({ NoteKey(verifierKey: $0) })?.kind == .ed25519 else {
        throw ValidationError("--entries and --proof need --key, as `audit key` prints it")
      }
      guard witness.allSatisfy({ NoteKey(verifierKey: $0)?.kind == .cosignature }) else {
        throw ValidationError("--witness takes a verifier key with key type 04")
      }
      guard entries != nil, (proof == nil) != (checkpoint == nil) else {
        throw ValidationError("give --entries with either --checkpoint or --proof")
      }
    }

    private struct Report: Encodable {
      let size: Int64
      let checkpoints: Int
      let cosignatures: Int
      let problems: [String]

      init(_ found: AuditVerification) {
        size = found.size
        checkpoints = found.checkpoints
        cosignatures = found.cosignatures
        problems = found.problems.map(\.description)
      }

      var text: String {
        (problems + [
          "\(size) entries, \(checkpoints) checkpoints and \(cosignatures) cosignatures checked"
        ]).joined(separator: "\n")
      }
    }

    func run() async throws {
      if let proof { return try verify(proof: proof) }
      let found = try await verification()
      try common.output.value(Report(found), text: Report(found).text)
      if !found.isIntact { throw ExitStatus.verificationFailed }
    }

    private func verification() async throws -> AuditVerification {
      let kept = try checkpoint.map(Self.text)
      if let entries { return try await verify(entries: entries, checkpoint: kept ?? "") }
      return try await Application.with(try common.settings()) { application in
        try await application.audit.verify(checkpoint: kept, on: application.database)
      }
    }

    private func verify(entries: String, checkpoint: String) async throws -> AuditVerification {
      var check = try AuditFileCheck(
        checkpoint: checkpoint, key: publicKey(), witnesses: try witnesses(of: checkpoint))
      var reader = try SourceReader(entries)
      while let line = try reader.next() { check.add(String(decoding: line.bytes ?? [], as: UTF8.self)) }
      return check.finish()
    }

    private func verify(proof path: String) throws {
      let proof = try ProofFile(parsing: try Self.text(path))
      let lines = try Self.text(entries ?? "").split(separator: "\n")
      guard let entry = lines.lazy.compactMap(AuditLine.entry).first(where: { $0.index == proof.index })
      else {
        throw ValidationError("the file of entries has no entry \(proof.index)")
      }
      let stated = try proof.verify(entry.bytes, by: try publicKey())
      _ = try witnesses(of: proof.checkpoint)
      try common.output.value(
        ["entry": proof.index, "size": stated.size],
        text: "entry \(proof.index) is in the log of \(stated.size) entries")
    }

    private func publicKey() throws -> NoteKey {
      guard let key = key.flatMap({ NoteKey(verifierKey: $0) }) else {
        throw ValidationError("--key is missing")
      }
      return key
    }

    /// The witnesses asked for, all of whom signed.
    private func witnesses(of note: String) throws -> [NoteKey] {
      let keys = witness.compactMap { NoteKey(verifierKey: $0) }
      let signed = try SignedNote(parsing: note).signers(among: keys)
      guard let missing = keys.first(where: { !signed.contains($0) }) else { return keys }
      throw AuditError(.notAuthentic, "the witness \(missing.name) did not sign the checkpoint")
    }

    private static func text(_ path: String) throws -> String {
      guard let data = FileManager.default.contents(atPath: path) else {
        throw ValidationError("the file \(path) cannot be read")
      }
      return String(decoding: data, as: UTF8.self)
    }
  }
}
