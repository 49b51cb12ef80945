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

    private struct Report: Encodable {
      let segments: Int
      let copied: Int
      let bytes: Int64
      let removed: Int
      let locked: Int
      let damaged: [String]
      let finished: Bool
    }

    func validate() throws { try limits.validate() }

    func run() async throws {
      let total = try await Application.with(try common.settings()) { application in
        var total = Archiver.Replication()
        let meter = common.meter
        defer { meter.finish() }
        let pace = try limits.pace { meter.update("replicate", count: $0) }
        try await application.holding("archive") {
          for tenant in try await application.tenants(tenancy.tenant) where !total.isStopped {
            let done = try await application.archiver(tenant, pace: pace).replicate()
            total.segments += done.segments
            total.copied += done.copied
            total.bytes += done.bytes
            total.removed += done.removed
            total.locked = max(total.locked, done.locked)
            total.damaged += done.damaged
            total.isStopped = done.isStopped
          }
        }
        return total
      }
      try common.output.value(
        Report(
          segments: total.segments, copied: total.copied, bytes: total.bytes, removed: total.removed,
          locked: total.locked, damaged: total.damaged,
          finished: !total.isStopped),
        text: (total.damaged.map { "segment \($0) is damaged and was not copied" } + [
          "\(total.copied) of \(total.segments) segments copied, \(total.bytes) bytes; \(total.removed) removed"
        ]).joined(separator: "\n"))
      if !total.damaged.isEmpty { throw ExitStatus.verificationFailed }
      if total.isStopped { throw ExitStatus.doneInPart }
    }
  }
}
