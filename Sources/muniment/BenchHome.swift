import Catalog
import Foundation
import History
import Ingestion
import Model
import Postgres
import Runtime
import SearchTokens

/// A temporary home with its own database, gone afterwards.
struct BenchHome: Sendable {
  let application: Application
  let tenant: Tenant
  let corpus: BenchCorpus
  /// The home's directory.
  let path: String
  /// Whether messages come with the tokens they are searched by.
  var hasTokens = true
  /// With it bodies are sealed and tokens blinded, as by a client that has it.
  var master: TokenMaster?

  /// Makes the home, writes the corpus into it, runs the body, stops the database and removes everything.
  static func with<R>(
    _ options: BenchOptions, writesCorpus: Bool = true, _ body: (BenchHome) async throws -> R
  ) async throws -> R {
    // Never the place of one before it, whose watcher may still look for a server there.
    let process = ProcessInfo.processInfo.processIdentifier
    let path = NSTemporaryDirectory() + "/muniment-bench-\(process)-\(UInt32.random(in: 0...UInt32.max))"
    try writeSettings(path)
    // Only what is in the home: the environment must not lead a benchmark to somebody's database.
    let settings = try Settings(home: path, environment: [:])
    do {
      let result = try await Application.with(settings, creating: true) { application in
        let tenant = try await application.database.transaction { tx in
          try Tenants.ensure(Application.defaultTenant, at: Application.clock(), in: tx)
        }
        let corpus =
          writesCorpus
          ? try BenchCorpus.write(options, to: path + "/corpus.ndjson")
          : BenchCorpus(path: "", messages: 0, name: "")
        return try await body(BenchHome(application: application, tenant: tenant, corpus: corpus, path: path))
      }
      try await remove(path)
      return result
    } catch {
      try? await remove(path)
      throw error
    }
  }

  /// Nothing runs at night, and no reader is held back.
  private static func writeSettings(_ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    try Data("schedule.nightly: 'off'\nserver.requests_per_second: 100000\n".utf8)
      .write(to: URL(fileURLWithPath: path + "/muniment.yaml"))
  }

  /// Waits for the database, which its watcher stops once nobody uses it, to be gone first.
  private static func remove(_ path: String) async throws {
    let limit = ContinuousClock.now + .seconds(60)
    while FileManager.default.fileExists(atPath: path + "/postgres/postmaster.pid"),
      ContinuousClock.now < limit
    {
      try await Task.sleep(for: .milliseconds(50))
    }
    if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
  }

  var decoder: BatchDecoder {
    let plain: CorpusClient.Tokens = hasTokens ? .plain : .none
    let tokens = master.map { CorpusClient.Tokens.blinded($0, bigrams: false, prefixes: false) } ?? plain
    return BatchDecoder(
      format: .corpus, client: CorpusClient(tokens: tokens, tenant: tenant.name),
      tenant: .init(name: tenant.name, revealsOrder: tenant.revealsOrder))
  }

  /// Stores the corpus as `muniment ingest` does.
  @discardableResult
  func ingest(_ directory: Directory? = nil) async throws -> IngestResult {
    let directory = directory ?? application.directory(tenant)
    let result = try await IngestRun(ingestor: application.ingestor(directory), decoder: decoder).ingest(
      corpus.path)
    guard result.setAsideCount == 0, result.accepted == corpus.messages else {
      throw BenchError("\(result.accepted) of \(corpus.messages) messages were stored; is the file a corpus?")
    }
    return result
  }
}

struct BenchError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// The process's resident memory, as the kernel keeps it.
enum ResidentMemory {
  /// Starts the peak anew; where the kernel does not let us, it is that of the process's whole life.
  static func resetPeak() {
    try? "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .ascii)
  }

  static var peakBytes: Int {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { return 0 }
    return kibibytes << 10
  }
}
