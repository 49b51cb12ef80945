import Sodium
import ArgumentParser
import Runtime
import Search
import SearchIndex

struct IndexCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "index", abstract: "Look after the search index.",
    subcommands: [StatusOfIndex.self, CatchUp.self, Rebuild.self, Check.self, CompactIndex.self])

  struct StatusOfIndex: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "status", abstract: "Position, documents and lag of each index group.")
    @OptionGroup var common: CommonOptions

    private struct Group: Encodable {
      let group: Int
      let position: Int64
      let lag: Int64
      let documents: Int
      let fingerprint: String?
    }
    @Flag(help: "Also print a hash over all documents and terms, to compare two indexes.")
    var fingerprint = false

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let lag = try await application.indexer.lag()
        for group in lag.keys.sorted() {
          let value = Group(
            group: group, position: try await application.index.position(group: group), lag: lag[group] ?? 0,
            documents: try await application.index.documentCount(group: group),
            fingerprint: fingerprint ? try await application.index.fingerprint(group: group).hex : nil)
          try common.output.value(
            value,
            text: "group \(group): position \(value.position), lag \(value.lag), documents \(value.documents)"
              + (value.fingerprint.map { ", fingerprint \($0)" } ?? ""))
        }
      }
    }
  }

  struct CatchUp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "catch-up", abstract: "Apply what the feed holds to the index.")
    @OptionGroup var common: CommonOptions

    func run() async throws { try await follow(common) { try await $0.indexer.catchUp(progress: $1) } }
  }

  struct Rebuild: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "rebuild", abstract: "Build every shard anew from hot and cold messages.")
    @OptionGroup var common: CommonOptions

    func run() async throws { try await follow(common) { try await $0.indexer.rebuild(progress: $1) } }
  }

  private struct Applied: Encodable {
    let applied: Int
    let seconds: Double
  }

  private static func follow(
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

  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check", abstract: "Check every shard's structure; exit 5 on damage.")
    @OptionGroup var common: CommonOptions

    private struct Problem: Encodable {
      let group: Int
      let detail: String
    }

    func run() async throws {
      let problems = try await Application.with(try common.settings()) { try await $0.index.check() }
      for problem in problems {
        try common.output.value(
          Problem(group: problem.group, detail: problem.description),
          text: "group \(problem.group): \(problem.description); next: muniment index rebuild")
      }
      if problems.isEmpty {
        common.output.note("the index is sound")
      } else {
        throw ExitStatus.verificationFailed
      }
    }
  }

  struct CompactIndex: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "compact",
      abstract: "Seal and merge every shard into its smallest form, without what was deleted.")
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
