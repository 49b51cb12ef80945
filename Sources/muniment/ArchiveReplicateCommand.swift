import ArgumentParser
import Runtime
import Tiering

extension ArchiveCommand {
  struct Replicate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "replicate",
      abstract: "Copy to archive.replica what it lacks, and remove there what is replaced.",
      discussion:
        "Safe to repeat; the nightly job does it too. Exits 5 if a segment is too damaged to be copied.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var limits: PaceOptions
    @OptionGroup var actor: ActorOptions

    private struct Report: Encodable {
      let segments: Int
      let copied: Int
      let bytes: Int64
      let removed: Int
      let locked: Int
      let refused: Int
      let damaged: [String]
      let finished: Bool
    }

    func validate() throws { try limits.validate() }

    func run() async throws {
      let total = try await Application.with(try common.settings()) { application in
        let meter = common.meter
        defer { meter.finish() }
        let pace = try limits.pace { meter.update("replicate", count: $0) }
        let (tenants, actor) = (try await application.tenants(tenancy.tenant), actor.name)
        return try await application.holding("archive") { lease in
          var total = Archiver.Replication()
          for tenant in tenants where !total.isStopped {
            let archiver = application.archiver(tenant, pace: pace, lease: lease, actor: actor)
            let done = try await archiver.replicate()
            total.segments += done.segments
            total.copied += done.copied
            total.bytes += done.bytes
            total.removed += done.removed
            total.locked = max(total.locked, done.locked)
            total.refused = max(total.refused, done.refused)
            total.damaged += done.damaged
            total.isStopped = done.isStopped
          }
          return total
        }
      }
      try common.output.value(
        Report(
          segments: total.segments, copied: total.copied, bytes: total.bytes, removed: total.removed,
          locked: total.locked, refused: total.refused, damaged: total.damaged,
          finished: !total.isStopped),
        text: (total.damaged.map { "segment \($0) is damaged and was not copied" } + [
          "\(total.copied) of \(total.segments) segments copied, \(total.bytes) bytes; \(total.removed) removed"
            + (total.refused > 0 ? "; the replica's store refuses to delete \(total.refused)" : "")
        ]).joined(separator: "\n"))
      if !total.damaged.isEmpty { throw ExitStatus.verificationFailed }
      if total.isStopped { throw ExitStatus.doneInPart }
    }
  }
}
