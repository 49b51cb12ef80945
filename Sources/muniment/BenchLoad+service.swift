import Foundation
import Ingestion
import Runtime
import Synchronization

/// The mix over HTTP while messages are ingested and indexed.
struct ServiceLoad: Sendable {
  let bench: SearchBench
  let home: BenchHome
  let scene: ServiceScene
  let port: Int
  let bodies: [[[UInt8]]]

  private static let messages = 20_000

  func run() async throws -> [BenchCondition] {
    var conditions: [BenchCondition] = []
    for readers in [1, bench.readers] {
      conditions.append(try await measure("idle", readers) { _ in })
      let before = home.corpus.messages
      conditions.append(
        try await measure("ingesting", readers) { isOver in
          var round = 0
          while !isOver() {
            round += 1
            try await ingest("load-\(before)-\(readers)-\(round)-", seed: UInt64(readers * 1_000 + round))
          }
        })
    }
    return conditions
  }

  private func measure(
    _ name: String, _ readers: Int,
    _ work: @escaping @Sendable (_ isOver: @Sendable () -> Bool) async throws -> Void
  ) async throws -> BenchCondition {
    bench.say("\(name), \(readers) readers over HTTP …")
    // Every reader has a connection for each member, as one connection asks as one.
    let clients = try (0..<readers).map { reader in
      try BenchHTTP(port: port, token: scene.tokens[reader % scene.tokens.count])
    }
    let over = SharedFlag()
    let task = Task { try await work { over.isSet } }
    let (bodies, seconds) = (bodies, bench.seconds)
    let condition = await BenchMeasuring.condition(
      name, readers: readers, bodies.map(\.count), isOver: { $0 >= seconds }
    ) { reader, item, number in
      _ = try await clients[reader].post("/v1/search", bodies[item][number])
    }
    over.set()
    try await task.value
    guard let condition else { throw BenchError("no search ended while \(name)") }
    return condition
  }

  private func ingest(_ prefix: String, seed: UInt64) async throws {
    let path = home.path + "/load.ndjson"
    var chat = SyntheticChat(messages: Self.messages, seed: seed, prefix: prefix)
    var lines = ""
    while let line = chat.next() { lines += line + "\n" }
    try Data(lines.utf8).write(to: URL(fileURLWithPath: path))
    let directory = home.application.directory(home.tenant)
    _ = try await IngestRun(ingestor: home.application.ingestor(directory), decoder: home.decoder).ingest(
      path)
  }
}

/// Set once, by one; seen by all.
final class SharedFlag: Sendable {
  private let flag = Atomic<Bool>(false)

  var isSet: Bool { flag.load(ordering: .relaxed) }
  func set() { flag.store(true, ordering: .relaxed) }
}
