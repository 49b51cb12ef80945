import ArgumentParser
import Catalog
import JobQueue
import Model
import Postgres
import Runtime
import Search
import Server

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Versions, lag of the index, what is archived, jobs, and problems with their next step.",
    discussion: "Works with and without `serve` running.")
  @OptionGroup var common: CommonOptions

  private struct Report: Encodable {
    struct Archive: Encodable {
      let segments: Int
      let messages: Int64
      let bytes: Int64
      let scrub: Scrub
    }
    /// How much of the archive was checked within `archive.scrub_days`.
    struct Scrub: Encodable {
      let segments: Int
      let bytes: Int64
      let oldest: String?
    }
    let version: String
    let database: String
    let home: String
    let tenants: Int
    let indexLag: [String: Int64]
    let archive: Archive
    let setAside: Int
    let jobs: [JobCommand.Row]
    let problems: [SystemProblem]

    enum CodingKeys: String, CodingKey {
      case version, database, home, tenants, archive, jobs, problems
      case indexLag = "index_lag"
      case setAside = "set_aside"
    }

    var text: String {
      var lines = [
        "muniment \(version), PostgreSQL \(database), home \(home), \(tenants) tenants",
        "index: \(indexLag.values.reduce(0, +)) feed steps behind",
        "archive: \(archive.segments) segments, \(archive.messages) messages, \(archive.bytes) bytes; "
          + "checked lately: \(archive.scrub.segments) segments, \(archive.scrub.bytes) bytes",
        "set aside: \(setAside)",
      ]
      lines += jobs.map { "job \($0.text)" }
      lines.append(problems.isEmpty ? "no problems" : "problems:")
      for problem in problems { lines.append("  \(problem.detail)\n    next: \(problem.nextStep)") }
      return lines.joined(separator: "\n")
    }
  }

  func run() async throws {
    try await Application.with(try common.settings()) { application in
      let report = try await report(application)
      try common.output.value(report, text: report.text)
    }
  }

  private func report(_ application: Application) async throws -> Report {
    let lag = try await application.indexer.lag()
    let problems = try await application.problems()
    let scrub = try await application.scrubbing()
    return try await application.database.transaction { tx in
      let segments = try Archive.segments(tenant: nil, in: tx)
      return Report(
        version: Version.text, database: try tx.execute("SHOW server_version").text(0, 0),
        home: application.settings.home, tenants: try Tenants.all(in: tx).count,
        indexLag: Dictionary(uniqueKeysWithValues: lag.map { (String($0.key), $0.value) }),
        archive: .init(
          segments: segments.count, messages: segments.reduce(0) { $0 + $1.messages },
          bytes: segments.reduce(0) { $0 + $1.bytes },
          scrub: .init(
            segments: scrub.checkedSegments, bytes: scrub.checkedBytes, oldest: scrub.oldest?.rfc3339)),
        setAside: try SetAside.count(tenant: nil, in: tx),
        jobs: try Job.allCases.compactMap { try JobRuns.history(name: $0.rawValue, limit: 1, in: tx).first }
          .map(JobCommand.Row.init), problems: problems)
    }
  }
}
