import Catalog
import Foundation
import FoundationNetworking
import KeyVault
import Logging
import Model
import Postgres
import Runtime
import Server
import ServiceLifecycle
import Synchronization
import TestSupport

/// A real server on a free port of the loopback, over a database and a home of its own.
final class ServedHouse: Sendable {
  let application: Application
  let group: ServiceGroup
  let running: Task<Void, any Error>
  let port: Int
  let tokens: AccessTokens

  /// One for all tests that do not stop it.
  private static let task = Task { try await ServedHouse.open() }
  static var shared: ServedHouse { get async throws { try await task.value } }

  static let sharedSecret = "a secret of the tests, longer than 32 bytes"

  /// A home with two tenants that nobody serves.
  static func openHome(_ moreSettings: String = "") async throws -> Application {
    let database = try await TestDatabase.make()
    let home = try TestDatabase.temporaryHome()
    // Without a cache of blocks: tests damage what lies in the store, and are to find it.
    let yaml =
      "schedule: {nightly: \"off\"}\nserver: {body_bytes: 1048576, requests_per_second: 100000}\nindex: {groups: 2}\n"
      + "archive: {cache_bytes: 0}\nsearch: {deadline_seconds: 3600}\n"
      + moreSettings
    try yaml.write(toFile: home + "/muniment.yaml", atomically: true, encoding: .utf8)
    let settings = try Settings(
      home: home,
      environment: ["MUNIMENT_DATABASE_URL": database.conninfo, "MUNIMENT_JWT_SECRET": sharedSecret])
    let application = try await Application.open(settings, creating: true)
    try await application.database.transaction { tx in
      for name in ["acme", "other"] { _ = try Tenants.ensure(name, at: Application.clock(), in: tx) }
    }
    return application
  }

  static func open(_ moreSettings: String = "") async throws -> ServedHouse {
    let application = try await openHome(moreSettings)
    let (ports, send) = AsyncStream<Int>.makeStream()
    let group = try await application.serviceGroup(
      host: "127.0.0.1", port: 0, version: "test",
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      handlesSignals: false
    ) { port in send.yield(port) }
    let running = Task { try await group.run() }
    var iterator = ports.makeAsyncIterator()
    guard let port = await iterator.next() else { throw Failed() }
    return ServedHouse(application, group, running, port)
  }

  struct Failed: Error {}

  private init(
    _ application: Application, _ group: ServiceGroup, _ running: Task<Void, any Error>, _ port: Int
  ) {
    self.application = application
    self.group = group
    self.running = running
    self.port = port
    tokens = AccessTokens(signer: application.vault.signingKey("access-token"), sharedSecret: nil)
  }

  func token(_ roles: Set<Role>, as subject: String = "robin", tenant: String? = "acme", ttl: Int64 = 600)
    throws -> String
  {
    try tokens.make(
      Principal(subject: subject, tenant: tenant, roles: roles), ttlSeconds: ttl, at: Application.clock()
    ).token
  }

  /// Patient: hundreds of tests share the server and two cores, and a limit here is there for what hangs.
  private static let session: URLSession = {
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = 180
    configuration.httpMaximumConnectionsPerHost = 64
    return URLSession(configuration: configuration)
  }()

  struct Answer {
    let status: Int
    let headers: [AnyHashable: Any]
    let body: Data

    var json: [String: Any] { (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:] }
    var code: String? { json["code"] as? String }
    var text: String { String(decoding: body, as: UTF8.self) }
    func header(_ name: String) -> String? {
      headers.first { ($0.key as? String)?.lowercased() == name.lowercased() }?.value as? String
    }
  }

  func ask(
    _ method: String, _ path: String, token: String? = nil, body: [UInt8]? = nil,
    headers: [String: String] = [:]
  ) async throws -> Answer {
    guard let url = URL(string: "http://127.0.0.1:\(port)\(path)") else { throw Failed() }
    var request = URLRequest(url: url, timeoutInterval: 180)
    request.httpMethod = method
    request.httpBody = body.map { Data($0) }
    if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
    for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
    let (data, response) = try await Self.session.data(for: request)
    guard let response = response as? HTTPURLResponse else { throw Failed() }
    return Answer(status: response.statusCode, headers: response.allHeaderFields, body: data)
  }

  func ask(
    _ method: String, _ path: String, token: String? = nil, json: String, headers: [String: String] = [:]
  )
    async throws -> Answer
  {
    try await ask(method, path, token: token, body: Array(json.utf8), headers: headers)
  }

  /// A conversation with two members and some messages of one of them.
  func deliver(_ conversation: String, texts: [String], tenant: String = "acme") async throws -> Answer {
    var lines = [
      #"{"type":"conversation.upserted","conversation_id":"\#(conversation)","kind":"group","name":"Team","at":"2024-03-01T00:00:00Z"}"#
    ]
    for member in ["robin", "kim"] {
      lines.append(
        #"{"type":"member.joined","conversation_id":"\#(conversation)","subject_id":"\#(member)","at":"2024-03-01T00:00:00Z"}"#
      )
    }
    for (index, text) in texts.enumerated() {
      let words = text.lowercased().split(separator: " ").map { "\"\($0)\"" }.joined(separator: ",")
      lines.append(
        #"{"type":"message.created","message_id":"\#(conversation)-\#(index)","conversation_id":"\#(conversation)","#
          + #""sender_id":"kim","created_at":"2024-03-02T10:00:0\#(index)Z","body":{"plain":"\#(text)"},"#
          + #""tokens":{"mode":"plain","sequence":[\#(words)]}}"#)
    }
    return try await ask(
      "POST", "/v1/events", token: try token([.ingest], as: "chat", tenant: tenant),
      body: Array(lines.joined(separator: "\n").utf8))
  }
}

extension Application {
  /// As `followFeed`, with more patience for the other tests that follow the same feed.
  func followFeedPatiently() async throws -> Bool {
    for _ in 0..<6 { if try await followFeed() { return true } }
    return false
  }
}
