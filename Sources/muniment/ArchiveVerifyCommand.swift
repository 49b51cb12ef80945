import ArgumentParser
import Catalog
import JobQueue
import Model
import Runtime
import Tiering

extension ArchiveCommand {
  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify", abstract: "Check every segment; exit 5 on any damage, naming it.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var actor: ActorOptions
    @Flag(help: "Also open every lane whose key exists and compare counts with the catalogue.")
    var deep = false
    @Flag(
      help:
        "Put copies of archive.replica into the place of what is damaged or missing, or the other way round.")
    var repair = false
    @Option(help: "Check only a share of the blocks, such as 5%, and what leads to them.")
    var sample: String?
    @Option(help: "Chooses which blocks are a sample; the same for the same number.")
    var seed: UInt64?

    private struct Finding: Encodable {
      let segment: String
      let block: Int32?
      let conversation: Int64?
      let messages: Int64
      let what: String
    }

    private struct Report: Encodable {
      struct Coverage: Encodable {
        let segments: Int
        let blocks: Int
        let bytes: Int64
        let seed: UInt64?
      }
      let segments: Int
      let blocks: Int
      let damaged: Int
      let findings: [String]
      let affectedMessages: Int64
      /// Segments that were damaged and are whole again, and what was found.
      let repaired: Int
      let mended: [String]
      let details: [Finding]
      let bytes: Int64
      /// Of how much that was.
      let of: Coverage

      enum CodingKeys: String, CodingKey {
        case segments, blocks, damaged, findings, details, bytes, of, repaired, mended
        case affectedMessages = "affected_messages"
      }

      var text: String {
        var last =
          of.seed == nil
          ? "\(segments) of \(of.segments) segments checked, \(bytes) of \(of.bytes) bytes, \(damaged) damaged"
          : "\(blocks) of \(of.blocks) blocks checked, \(bytes) of \(of.bytes) bytes in \(segments) of \(of.segments) "
            + "segments, \(damaged) damaged"
        if let seed = of.seed { last += " (sample with --seed \(seed))" }
        if affectedMessages > 0 { last += "; \(affectedMessages) messages are affected" }
        if repaired > 0 { last += "; \(repaired) segments were repaired from the replica" }
        return (mended.map { "repaired: " + $0 } + findings + [last]).joined(separator: "\n")
      }
    }

    func validate() throws {
      _ = try share()
      if seed != nil, sample == nil { throw ValidationError("--seed goes with --sample") }
    }

    private func share() throws -> Double? {
      guard let sample else { return nil }
      guard sample.hasSuffix("%"), let value = Double(sample.dropLast()), value > 0, value <= 100 else {
        throw ValidationError("--sample takes a share such as 5% or 0.1%")
      }
      return value / 100
    }

    func run() async throws {
      let share = try share()
      let seed = share == nil ? nil : self.seed ?? UInt64.random(in: 0...999_999_999)
      let scope: Archiver.Scope = share.map { .sample(share: $0, seed: seed ?? 0) } ?? .all
      let found = try await Application.with(try common.settings()) { application in
        let (tenants, deep, repair, actor) = (
          try await application.tenants(tenancy.tenant), deep, repair, actor.name
        )
        @Sendable func check(_ lease: Lease?) async throws -> Archiver.Verification {
          var total = Archiver.Verification()
          for tenant in tenants {
            let archiver = application.archiver(tenant, lease: lease, actor: actor)
            total += try await archiver.verify(scope, deep: deep, repairing: repair)
          }
          return total
        }
        // Not beside a run, which would sweep what is being put back.
        if repair { return try await application.holding("archive") { lease in try await check(lease) } }
        return try await check(nil)
      }
      let report = Report(
        segments: found.segments, blocks: found.blocks, damaged: found.damaged,
        findings: found.findings.map(\.description),
        affectedMessages: found.affected, repaired: found.repaired,
        mended: found.mended.map(\.description),
        details: found.findings.map {
          Finding(
            segment: $0.segment, block: $0.block, conversation: $0.conversation?.rawValue,
            messages: $0.messages,
            what: $0.what)
        }, bytes: found.bytes,
        of: .init(
          segments: found.segmentsTotal, blocks: found.blocksTotal, bytes: found.bytesTotal, seed: seed))
      try common.output.value(report, text: report.text)
      if found.damaged > 0 { throw ExitStatus.verificationFailed }
    }
  }
}
