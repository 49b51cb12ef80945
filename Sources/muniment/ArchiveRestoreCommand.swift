import ArgumentParser
import Runtime
import Tiering

extension ArchiveCommand {
  struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "restore", abstract: "Bring a segment's messages back into the hot tables.",
      discussion: "The next archive run takes them again if they are as old as it asks for.")
    @Argument var segment: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var actor: ActorOptions
    @Flag(help: "Show how many messages would come back and stop.")
    var dryRun = false

    private struct Report: Encodable {
      let id: String
      let messages: Int
      /// Of the segment, that did not come back.
      let missing: Int
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let tenant = try await application.tenant(tenancy.tenant)
        let (segment, actor, dryRun) = (segment, actor.name, dryRun)
        let done = try await application.holding("archive") { lease in
          try await application.archiver(tenant, lease: lease, actor: actor).restore(segment, dryRun: dryRun)
        }
        var text = "\(done.messages) messages \(dryRun ? "would be" : "are") hot again"
        if done.missing > 0 {
          text += "; \(done.missing) are deleted, expired, erased or unreadable, and do not come back"
        }
        if !dryRun { text += "\nthe next archive run takes them again, if they are older than it asks for" }
        try common.output.value(
          Report(id: segment, messages: done.messages, missing: done.missing), text: text)
      }
    }
  }

  struct AcceptCatalogue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "accept-catalogue",
      abstract: "Take the database for the newest there is, after it was restored from a backup.",
      discussion: """
        Objects that the database does not name are then deleted by the next archive run: first restore the segments \
        that belong to it, and see that `archive verify` finds no damage. `archive list --orphans` names the objects.
        """)
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var actor: ActorOptions
    @Option(help: "Why; it goes into the audit log.")
    var reason: String
    @Flag(help: "Show what the next archive run would delete, and stop.")
    var dryRun = false

    private struct Report: Encodable {
      let accepted: Bool
      let orphans: Int
      let bytes: Int64
    }

    func validate() throws {
      guard !reason.allSatisfy(\.isWhitespace) else { throw ValidationError("--reason must say why") }
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let tenant = try await application.tenant(tenancy.tenant)
        let (reason, actor, dryRun) = (reason, actor.name, dryRun)
        let (isNew, orphans) = try await application.holding("archive") { lease in
          let archiver = application.archiver(tenant, lease: lease, actor: actor)
          let orphans = try await archiver.orphans().filter { $0.kind == .object }
          return (try await archiver.acceptCatalogue(reason: reason, dryRun: dryRun), orphans)
        }
        let bytes = orphans.reduce(0) { $0 + $1.bytes }
        let verb = dryRun ? "would be" : "are"
        let text =
          isNew
          ? "\(orphans.count) objects (\(bytes) bytes) that the database does not name \(verb) deleted by the next run"
          : "the database is the newest one already; nothing was changed"
        try common.output.value(
          Report(accepted: isNew && !dryRun, orphans: orphans.count, bytes: bytes), text: text)
      }
    }
  }
}
