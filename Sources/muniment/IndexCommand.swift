import ArgumentParser
import Catalog
import Postgres
import Runtime
import Search
import SearchIndex
import Sodium

struct IndexCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "index", abstract: "Look after the search index.",
    subcommands: [
      StatusOfIndex.self, CatchUp.self, Rebuild.self, CheckIndex.self, ReconcileIndex.self, CompactIndex.self,
      Leakage.self,
    ])

  struct CatchUp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "catch-up", abstract: "Apply what the feed holds to the index.",
      discussion: "While `serve` does that already, waits for it, for a while.")
    @OptionGroup var common: CommonOptions
    @Flag(help: "Try messages again that the index refused.")
    var retry = false

    func run() async throws {
      try await report(common) { application, progress in
        if retry { _ = try await application.indexer.retryQuarantined() }
        let counter = LatestCount()
        let isDone = try await application.followFeed { count in
          counter.set(count.applied)
          progress(count)
        }
        guard isDone else { throw ExitStatus.tryAgainLater }
        return counter.value
      }
    }
  }

  struct Rebuild: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "rebuild", abstract: "Build shards anew from hot and cold messages.",
      discussion: """
        They are built beside those that are served, which go on answering until the new ones have all they have. \
        A rebuild that was interrupted goes on from where it was.
        """)
    @OptionGroup var common: CommonOptions
    @Option(help: "Only this group.")
    var group: Int?

    func run() async throws {
      try await report(common) { application, progress in
        guard let group else { return try await application.indexer.rebuild(progress: progress) }
        guard (0..<application.settings.indexGroups).contains(group) else {
          throw ValidationError("there are groups 0 to \(application.settings.indexGroups - 1)")
        }
        return try await application.indexer.rebuild(group: group, progress: progress)
      }
    }
  }

  private struct Applied: Encodable {
    let applied: Int
    let seconds: Double
  }

  private static func report(
    _ common: CommonOptions,
    _ body: @Sendable (Application, @escaping @Sendable (Indexer.Progress) -> Void) async throws -> Int
  ) async throws {
    try await Application.with(try common.settings()) { application in
      let (watch, meter) = (Stopwatch(), common.meter)
      let applied = try await body(application) { meter.update("index", count: $0.applied) }
      meter.finish()
      let seconds = watch.rounded
      try common.output.value(
        Applied(applied: applied, seconds: seconds), text: "applied \(applied) feed steps in \(seconds) s")
    }
  }

  struct CompactIndex: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "compact", abstract: "Rewrite every shard without what was deleted, as small as it gets.")
    @OptionGroup var common: CommonOptions

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        for group in 0..<application.settings.indexGroups {
          try await application.index.compact(group: group)
        }
        common.output.note("compacted \(application.settings.indexGroups) groups")
      }
    }
  }
}
