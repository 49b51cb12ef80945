import Foundation
import Model
import Runtime
import ServiceLifecycle
@testable import Server
import Testing
import TestSupport

@Suite("Operations")
struct OperationsTests {
  @Test("Metrics count requests by route, never by id, and events")
  func metrics() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.ask("GET", "/v1/messages/an-id-of-somebody", token: try house.token([.member]))
    _ = try await house.deliver("metered", texts: ["x"])
    let text = try await house.ask("GET", "/metrics").text
    for name in [
      "muniment_http_requests_total", "muniment_http_request_seconds_bucket", "muniment_ingest_events_total",
      "muniment_index_lag_events", "muniment_feed_head", "muniment_problems",
    ] { #expect(text.contains(name)) }
    #expect(!text.contains("an-id-of-somebody"))
  }

  @Test("The console needs nothing from elsewhere")
  func console() async throws {
    let page = try await ServedHouse.shared.ask("GET", "/")
    #expect(page.header("Content-Security-Policy")?.hasPrefix("default-src 'none'") == true)
    #expect(!page.text.contains("http://"))
    #expect(!page.text.contains("https://"))
  }

  @Test("A server that is told to stop answers what it has begun, and ends")
  func shutdown() async throws {
    let house = try await ServedHouse.open()
    let token = try house.token([.ingest], as: "chat")
    let body = (0..<2_000).map { #"{"type":"user.upserted","subject_id":"s\#($0)"}"# }.joined(separator: "\n")
    async let answer = house.ask("POST", "/v1/events", token: token, json: body)
    while try await house.ask("GET", "/metrics").text.contains("outcome=\"accepted\"} 0") {
      await Task.yield()
    }
    await house.group.triggerGracefulShutdown()
    #expect(try await answer.status == 200)
    try await house.running.value
    await #expect(throws: (any Error).self) { try await house.ask("GET", "/healthz") }
    await house.application.close()
  }

  @Test("A caller over the rate waits, and another one does not")
  func rate() {
    let limiter = RequestLimiter(requestsPerSecond: 2)
    let (one, two) = (
      RequestLimiter.Caller(tenant: "t", subject: "a"), RequestLimiter.Caller(tenant: "t", subject: "b")
    )
    let now = ContinuousClock.now
    #expect(limiter.take(one, at: now) == nil)
    #expect(limiter.take(one, at: now) == nil)
    #expect(limiter.take(one, at: now) == 1)
    #expect(limiter.take(two, at: now) == nil)
    #expect(limiter.take(one, at: now + .milliseconds(500)) == nil)
  }

  @Test("Lines are cut at their limit, and one past it is dropped", arguments: [1, 2, 3, 7, 1_000])
  func lines(_ step: Int) {
    var splitter = BodyLines(limit: 4)
    let bytes = Array("\u{feff}abcd\r\nabcde\n\nab\n  \nlast".utf8)
    for start in stride(from: 0, to: bytes.count, by: step) {
      splitter.feed(Array(bytes[start..<min(start + step, bytes.count)]))
    }
    splitter.finish()
    let taken = splitter.take(10)
    #expect(taken.map(\.number) == [1, 2, 4, 6])
    #expect(
      taken.map { $0.bytes.map { String(decoding: $0, as: UTF8.self) } } == ["abcd", nil, "ab", "last"])
    #expect(splitter.bytesHeld == 0)
  }

  @Test("The night's slot is the date of the newest night that has begun")
  func slots() throws {
    let minute = 2 * 60 + 15
    let before = try #require(Timestamp(rfc3339: "2024-05-10T02:14:59Z"))
    #expect(Scheduler.slot(at: before, nightlyMinute: minute) == "2024-05-09")
    #expect(Scheduler.slot(at: before.adding(seconds: 1), nightlyMinute: minute) == "2024-05-10")
    #expect(Scheduler.slot(at: before, nightlyMinute: nil) == nil)
  }

  @Test("Work that was due, not blocked and not done is a problem")
  func silentJobs() {
    #expect(JobOutcome(due: 3).finding != nil)
    #expect(JobOutcome(due: 3, blocked: 3).finding == nil)
    #expect(JobOutcome(due: 3, done: 1).finding == nil)
    #expect(JobOutcome().finding == nil)
  }

  @Test("Every job has its definition, and every definition its job")
  func definitions() throws {
    let root = TestDatabase.schema.split(separator: "/").dropLast(2).map { "/\($0)" }.joined()
    let files = try FileManager.default.contentsOfDirectory(atPath: root + "/Jobs").filter {
      $0.hasSuffix(".json")
    }
    #expect(Set(files) == Set(Job.allCases.map { $0.rawValue + ".json" }))
  }

  @Test("The published description has the routes there are, with their roles")
  func openAPI() throws {
    let root = TestDatabase.schema.split(separator: "/").dropLast(1).map { "/\($0)" }.joined()
    let data = try Data(contentsOf: URL(fileURLWithPath: root + "/openapi/muniment-v1.json"))
    let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let paths = try #require(document["paths"] as? [String: [String: Any]])
    var described: [String: Set<String>] = [:]
    for (path, operations) in paths {
      for (method, operation) in operations {
        let roles = (operation as? [String: Any])?["x-roles"] as? [String] ?? []
        described["\(method.uppercased()) \(path)"] = Set(roles)
      }
    }
    let real = Dictionary(
      uniqueKeysWithValues: APIServer.routes.map {
        ("\($0.method) \($0.path)", Set(($0.roles ?? []).map(\.rawValue)))
      })
    #expect(described == real)
  }
}
