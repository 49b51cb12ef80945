import Synchronization

/// What the server counts, in the Prometheus text format (version 0.0.4). Labels hold route patterns, never ids.
package final class Metrics: Sendable {
  /// Seconds; the upper bounds of the latency histogram.
  private static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

  private struct Series: Hashable {
    let method: String
    let route: String
    let status: Int
  }
  private struct Latency {
    var buckets = [Int](repeating: 0, count: Metrics.bounds.count)
    var count = 0
    var sum = 0.0
  }
  private struct State {
    var requests: [Series: Int] = [:]
    var latencies: [String: Latency] = [:]
    var accepted = 0
    var duplicates = 0
    var setAside = 0
  }

  /// A value read when it is asked for.
  package struct Gauge: Sendable {
    package var name: String
    package var help: String
    package var samples: [(labels: String, value: Double)]
    /// Of one that only grows: `counter`.
    package var type: String

    package init(
      _ name: String, _ help: String, _ samples: [(labels: String, value: Double)], type: String = "gauge"
    ) {
      self.type = type
      self.name = name
      self.help = help
      self.samples = samples
    }
  }

  private let state = Mutex(State())

  package init() {}

  func request(method: String, route: String, status: Int, seconds: Double) {
    state.withLock { state in
      state.requests[Series(method: method, route: route, status: status), default: 0] += 1
      var latency = state.latencies[route] ?? Latency()
      for (index, bound) in Self.bounds.enumerated() where seconds <= bound { latency.buckets[index] += 1 }
      latency.count += 1
      latency.sum += seconds
      state.latencies[route] = latency
    }
  }

  func ingested(accepted: Int, duplicates: Int, setAside: Int) {
    state.withLock { state in
      state.accepted += accepted
      state.duplicates += duplicates
      state.setAside += setAside
    }
  }

  func text(_ gauges: [Gauge]) -> String {
    let state = state.withLock { $0 }
    var lines = Self.head("muniment_http_requests_total", "counter", "Requests by route and status.")
    for (series, count) in state.requests.sorted(by: {
      ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status)
    }) {
      lines.append(
        "muniment_http_requests_total{method=\"\(series.method)\",route=\"\(series.route)\",status=\"\(series.status)\"} \(count)"
      )
    }
    lines += Self.head("muniment_http_request_seconds", "histogram", "Time to answer, by route.")
    for (route, latency) in state.latencies.sorted(by: { $0.key < $1.key }) {
      lines += Self.lines(latency, route)
    }
    lines += Self.head("muniment_ingest_events_total", "counter", "Events by what became of them.")
    for (outcome, count) in [
      ("accepted", state.accepted), ("duplicate", state.duplicates), ("set_aside", state.setAside),
    ] {
      lines.append("muniment_ingest_events_total{outcome=\"\(outcome)\"} \(count)")
    }
    for gauge in gauges {
      lines += Self.head(gauge.name, gauge.type, gauge.help)
      lines += gauge.samples.map { "\(gauge.name)\($0.labels.isEmpty ? "" : "{\($0.labels)}") \($0.value)" }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func lines(_ latency: Latency, _ route: String) -> [String] {
    let name = "muniment_http_request_seconds"
    var lines = zip(bounds, latency.buckets).map { bound, count in
      "\(name)_bucket{route=\"\(route)\",le=\"\(bound)\"} \(count)"
    }
    lines.append("\(name)_bucket{route=\"\(route)\",le=\"+Inf\"} \(latency.count)")
    lines.append("\(name)_sum{route=\"\(route)\"} \(latency.sum)")
    lines.append("\(name)_count{route=\"\(route)\"} \(latency.count)")
    return lines
  }

  private static func head(_ name: String, _ type: String, _ help: String) -> [String] {
    ["# HELP \(name) \(help)", "# TYPE \(name) \(type)"]
  }
}
