import Search
import Catalog
import ArgumentParser
import Foundation
import Ingestion
import Runtime
import SearchTokens

struct IngestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ingest", abstract: "Take events in from files, directories or standard input.",
    discussion: """
      SOURCE is a file, a directory, or - for standard input; .gz and .zst are opened transparently. Input that
      cannot be accepted is set aside with its reason (exit code 3) and the rest goes through.
      """)

  @Argument(help: "File, directory or -.")
  var sources: [String] = []
  @OptionGroup var common: CommonOptions
  @OptionGroup var tenancy: TenantOptions
  @Option(help: "auto, events, corpus, or mapping:FILE.")
  var format = "auto"
  @Option(help: "Blind the tokens and seal the bodies with this key file; made if missing.")
  var tokenKey: String?
  @Flag(help: "Do not compute search tokens for plain text.")
  var noTokens = false
  @Flag(help: "With --token-key: also send bigram tokens, which allow phrases and reveal pairs of words.")
  var bigrams = false
  @Flag(help: "With --token-key: also send prefix tokens, which allow word* and reveal more.")
  var prefixes = false
  @Option(help: "With --token-key: the generation of the keys (1 if nothing is said).")
  var generation: UInt32?
  @Option(help: "With --token-key: a new generation of keys every so many days of message time.")
  var rotateDays: Int64?
  @Flag(help: "List what was set aside.")
  var listSetAside = false
  @Flag(help: "Try again what was set aside.")
  var retrySetAside = false
  @Flag(help: "Leave the search index to `index catch-up` or `serve`.")
  var noIndex = false

  func validate() throws {
    guard tokenKey != nil || (generation == nil && rotateDays == nil) else {
      throw ValidationError("--generation and --rotate-days are of the keys that --token-key gives")
    }
    guard generation == nil || rotateDays == nil else {
      throw ValidationError("--generation and --rotate-days exclude each other")
    }
    guard (1...TokenGenerations.daysMax).contains(rotateDays ?? 1) else {
      throw ValidationError("--rotate-days takes 1 to \(TokenGenerations.daysMax)")
    }
    guard listSetAside || retrySetAside || !sources.isEmpty else {
      throw ValidationError("name a file, a directory, or - for standard input")
    }
    guard ["auto", "events", "corpus"].contains(format) || format.hasPrefix("mapping:") else {
      throw ValidationError(
        "--format takes auto, events, corpus or mapping:FILE; other formats are not read yet")
    }
  }

  func run() async throws {
    let settings = try common.settings()
    let partial = try await Application.with(settings) { application in
      let tenant = try await application.tenant(tenancy.tenant)
      let ingestor = application.ingestor(application.directory(tenant))
      let client = CorpusClient(tokens: try clientTokens(), tenant: tenant.name)
      let decoder = BatchDecoder(
        format: try decoderFormat(), client: client,
        tenant: .init(name: tenant.name, revealsOrder: tenant.revealsOrder))
      if listSetAside {
        try await list(SetAsideStore(ingestor: ingestor))
        return false
      }
      let watch = Stopwatch()
      var result = IngestResult()
      if retrySetAside { result += try await SetAsideStore(ingestor: ingestor).retry(decoder: decoder) }
      let meter = common.meter
      for source in sources {
        result += try await IngestRun(ingestor: ingestor, decoder: decoder).ingest(source) { progress in
          meter.update(
            "ingest", count: progress.lines,
            share: progress.bytesTotal.map { Double(progress.bytesRead) / Double(max($0, 1)) })
        }
      }
      // Nothing but what cannot be read was named.
      if result.isNothing, sources.count == result.failures.count, let only = result.failures.first {
        throw only
      }
      let seconds = watch.rounded
      if !noIndex { try await index(application, meter) }
      meter.finish()
      try report(result, seconds: seconds)
      return result.setAsideCount > 0 || !result.failures.isEmpty
    }
    if partial { throw ExitStatus.doneInPart }
  }

  private func index(_ application: Application, _ meter: ProgressMeter) async throws {
    guard try await application.followFeed(progress: { meter.update("index", count: $0.applied) }) else {
      let isFollowed = try await application.isFeedFollowed()
      common.output.note(
        isFollowed
          ? "stored; the process that follows the feed, such as `serve`, takes it into the search index"
          : "stored; another process is writing to the search index; next: muniment index catch-up")
      return
    }
  }

  private func decoderFormat() throws -> BatchDecoder.Format {
    switch format {
    case "events": return .events
    case "corpus": return .corpus
    case "auto": return .auto
    default:
      let path = String(format.dropFirst("mapping:".count))
      guard let data = FileManager.default.contents(atPath: path) else {
        throw ValidationError("the mapping file \(path) cannot be read")
      }
      return .mapping(try EventMapping(json: Array(data)))
    }
  }

  private func clientTokens() throws -> CorpusClient.Tokens {
    guard let tokenKey else { return noTokens ? .none : .plain }
    let generations =
      rotateDays.map { TokenGenerations.rotating(days: $0) } ?? .always(generation ?? CorpusClient.generation)
    return .blinded(
      try TokenKeyFile.open(tokenKey, creating: true), bigrams: bigrams, prefixes: prefixes,
      generations: generations)
  }

  private struct Summary: Encodable {
    let accepted: Int
    let duplicates: Int
    let setAside: Int
    let seconds: Double
    let rate: Int
    let failures: [FailedSource]?

    enum CodingKeys: String, CodingKey {
      case accepted, duplicates, seconds, rate, failures
      case setAside = "set_aside"
    }
  }

  private struct FailedSource: Encodable {
    let code: String
    let detail: String
  }

  private func report(_ result: IngestResult, seconds: Double) throws {
    let total = result.accepted + result.duplicates + result.setAsideCount
    let rate = Int(Double(total) / max(seconds, 0.001))
    var text = """
      accepted \(result.accepted), duplicates \(result.duplicates), set aside \(result.setAsideCount) \
      in \(seconds) s (\(rate)/s)
      """
    for notice in result.setAside.prefix(20) {
      text += "\n  line \(notice.line): \(notice.code): \(notice.detail)"
    }
    if result.setAsideCount > 0 { text += "\nsee all with `muniment ingest --list-set-aside`" }
    for failure in result.failures {
      text += "\n\(failure.code.rawValue): \(failure); ingest it again, what is there already is recognised"
    }
    let failures = result.failures.map { FailedSource(code: $0.code.rawValue, detail: $0.description) }
    try common.output.value(
      Summary(
        accepted: result.accepted, duplicates: result.duplicates, setAside: result.setAsideCount,
        seconds: seconds, rate: rate, failures: failures.isEmpty ? nil : failures), text: text)
  }

  private func list(_ store: SetAsideStore) async throws {
    let output = common.output
    try await store.list { entry in
      try output.value(entry, text: "\(entry.id)  line \(entry.line)  \(entry.code)  \(entry.detail)")
    }
  }
}

/// The client's master key on disk.
enum TokenKeyFile {
  static func open(_ path: String, creating: Bool) throws -> TokenMaster {
    if let data = FileManager.default.contents(atPath: path) {
      return try TokenMaster(fileContents: String(decoding: data, as: UTF8.self))
    }
    guard creating else { throw ValidationError("the token key file \(path) cannot be read") }
    let text = TokenMaster.random().fileContents
    guard
      FileManager.default.createFile(
        atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
    else { throw ValidationError("the token key file \(path) cannot be written") }
    return try TokenMaster(fileContents: text)
  }
}
