import Catalog
import Foundation
import Hummingbird
import JobQueue
import Model
import Postgres
import SearchIndex
import Segments
import Sodium

/// Health, metrics and the console's page: open, and without content of any tenant.
enum OperationsRoutes {
  static let all = [
    Route(.get, "/healthz", nil, health),
    Route(.get, "/readyz", nil, readiness),
    Route(.get, "/metrics", nil, metrics),
    Route(.get, "/", nil, console),
  ]

  /// The process is alive. Also the moment to bring an embedded database back.
  @Sendable private static func health(_ call: Call) async throws -> Response {
    try await call.services.hooks.reviveDatabase()
    return Reply.json(["status": "ok"])
  }

  /// The process can do its work.
  @Sendable private static func readiness(_ call: Call) async throws -> Response {
    do {
      _ = try await call.services.database.transaction { tx in try tx.execute("SELECT 1").count }
      _ = try await call.services.index.position(group: 0)
    } catch {
      throw Problem.busy(
        "not_ready", "the database or the search index cannot be used right now", retryAfterSeconds: 5)
    }
    return Reply.json(["status": "ready"])
  }

  @Sendable private static func metrics(_ call: Call) async throws -> Response {
    let services = call.services
    let jobs = services.hooks.jobs
    let (heads, runs) = try await services.database.transaction { tx in
      (try Feed.heads(in: tx), try jobs.map { try JobRuns.history(name: $0.name, limit: 20, in: tx) })
    }
    let lag = try await services.hooks.indexLag()
    let problems = try await services.hooks.problems()
    let succeeded = zip(jobs, runs).compactMap { job, runs in
      runs.first { $0.state == "completed" }?.finishedAt.map {
        (job.name, Double($0.microseconds) / 1_000_000)
      }
    }
    let counted = Dictionary(grouping: problems, by: \.code).mapValues { Double($0.count) }
    let gauges = [
      Metrics.Gauge(
        "muniment_index_lag_events", "Feed steps the search index is behind.",
        lag.sorted { $0.key < $1.key }.map { ("group=\"\($0.key)\"", Double($0.value)) }),
      Metrics.Gauge(
        "muniment_feed_head", "The last feed sequence handed out.",
        heads.sorted { $0.key < $1.key }.map { ("group=\"\($0.key)\"", Double($0.value)) }),
      Metrics.Gauge(
        "muniment_job_last_success_seconds", "When each job last completed, in seconds since 1970.",
        succeeded.map { ("job=\"\($0.0)\"", $0.1) }),
      Metrics.Gauge(
        "muniment_problems", "What needs attention, by code.",
        counted.isEmpty
          ? [("", 0)] : counted.sorted { $0.key < $1.key }.map { ("code=\"\($0.key)\"", $0.value) }),
    ]
    return Reply.text(
      services.metrics.text(gauges + blockCache(services)), type: "text/plain; version=0.0.4; charset=utf-8")
  }

  private static func blockCache(_ services: APIServices) -> [Metrics.Gauge] {
    let counts = services.hooks.blockCache()
    return [
      Metrics.Gauge(
        "muniment_archive_cache_reads_total",
        "Blocks of segments that readers asked for, by where they were.",
        [("found=\"cache\"", Double(counts.hits)), ("found=\"store\"", Double(counts.misses))],
        type: "counter"),
      Metrics.Gauge(
        "muniment_archive_cache_evictions_total", "Blocks that made room for others.",
        [("", Double(counts.evictions))], type: "counter"),
      Metrics.Gauge(
        "muniment_archive_cache_bytes", "Bytes of sealed blocks that are kept in memory.",
        [("", Double(counts.bytes))]),
    ]
  }

  @Sendable private static func console(_ call: Call) async throws -> Response {
    let nonce = Randomness.bytes(16).base64(.urlSafe)
    var response = Reply.text(ConsolePage.html(nonce: nonce), type: "text/html; charset=utf-8")
    response.headers[.contentSecurityPolicy] =
      "default-src 'none'; connect-src 'self'; style-src 'nonce-\(nonce)'; script-src 'nonce-\(nonce)'; "
      + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return response
  }
}
