import Catalog
import Erasure
import Foundation
import KeyVault
import Model
import Postgres
import Runtime
import Server
import Sodium
import Testing

/// A server of this suite's own, whose callbacks may go to the loopback.
private let shared = Task { try await ServedHouse.open("opendsr: {private_callbacks: \"on\"}\n") }

@Suite("OpenDSR 2.0 over HTTP", .timeLimit(.minutes(5)))
struct OpenDSRTests {
  private struct Controller {
    let house: ServedHouse
    let id = UUID().uuidString.lowercased()
    var path: String { "/v2/requests/\(id)" }
    var dpo: String { get throws { try house.token([.dpo], as: "controller") } }

    func request(_ kind: String, _ subject: String, callbacks: [String] = [], more: String = "") async throws
      -> ServedHouse.Answer
    {
      let urls = callbacks.map { "\"\($0)\"" }.joined(separator: ",")
      return try await house.ask(
        "POST", "/v2/requests", token: try dpo,
        json:
          #"{"regulation":"gdpr","subject_request_id":"\#(id)","subject_request_type":"\#(kind)","#
          + #""submitted_time":"2026-11-01T10:00:00Z","api_version":"2.0","status_callback_urls":[\#(urls)],"#
          + #""subject_identities":[{"identity_type":"controller_customer_id","identity_value":"\#(subject)","#
          + #""identity_format":"raw"}]\#(more)}"#)
    }

    func status() async throws -> ServedHouse.Answer { try await house.ask("GET", path, token: try dpo) }

    func waits(for state: String) async throws -> ServedHouse.Answer {
      while !Task.isCancelled {
        let answer = try await status()
        if answer.json["request_status"] as? String == state { return answer }
        try await Task.sleep(for: .milliseconds(50))
      }
      throw CancellationError()
    }

    func outcome(_ answer: ServedHouse.Answer) -> [String: Any] {
      (answer.json["extensions"] as? [String: Any])?["localhost"] as? [String: Any] ?? [:]
    }

    func isSigned(_ body: [UInt8], _ signature: String?) async throws -> Bool {
      let found = try await house.ask("GET", "/v2/discovery", token: try dpo)
      let ours = (found.json["extensions"] as? [String: Any])?["localhost"] as? [String: Any]
      let key = (ours?["signature"] as? [String: Any])?["public_key"] as? String
      guard let key = key.flatMap({ [UInt8](hex: $0) }),
        let signature = signature.flatMap({ [UInt8](base64: $0) })
      else { return false }
      return Ed25519.verify(signature, of: SHA256.hash(body), by: key)
    }
  }

  private func say(_ house: ServedHouse, _ id: String, by sender: String) async throws {
    let event =
      #"{"type":"message.created","message_id":"\#(id)","conversation_id":"dsr-\#(sender)","sender_id":"\#(sender)","#
      + #""created_at":"2024-03-02T10:00:00Z","body":{"plain":"something to be known"}}"#
    let answer = try await house.ask(
      "POST", "/v1/events", token: try house.token([.ingest], as: "chat"), json: event)
    #expect(answer.json["accepted"] as? Int == 1, "\(answer.text)")
  }

  @Test("A request for erasure waits for a second person, is carried out, and its controller is called back")
  func erasure() async throws {
    let controller = Controller(house: try await shared.value)
    let receiver = try CallbackReceiver()
    try await say(controller.house, "dsr-1", by: "departing")
    let url = "http://127.0.0.1:\(receiver.port)/status?token=1"
    let made = try await controller.request("erasure", "departing", callbacks: [url])
    #expect(made.status == 201, "\(made.text)")
    #expect(made.json["subject_request_id"] as? String == controller.id)
    #expect(made.json["controller_id"] as? String == "acme")
    #expect(made.header("X-OpenDSR-Processor-Domain") == "localhost")
    #expect(try await controller.isSigned(Array(made.body), made.header("X-OpenDSR-Signature")))
    let waiting = try await controller.status()
    #expect(waiting.json["request_status"] as? String == "pending", "\(waiting.text)")
    let erasure = try #require((controller.outcome(waiting)["erasures"] as? [String])?.first)
    _ = try await controller.house.ask(
      "POST", "/v1/erasures/\(erasure)/approve", token: try controller.house.token([.approver], as: "second"))
    let done = try await controller.waits(for: "completed")
    #expect(controller.outcome(done)["outcome"] as? String == "complete", "\(done.text)")
    #expect((controller.outcome(done)["certificate_urls"] as? [String])?.count == 1)
    let calls = await receiver.waits(for: 3)
    #expect(calls.map { $0.json["request_status"] as? String } == ["pending", "in_progress", "completed"])
    for call in calls {
      #expect(call.path == "/status?token=1" && call.json["status_callback_url"] as? String == url)
      #expect(call.headers["x-opendsr-processor-domain"] == "localhost")
      #expect(try await controller.isSigned(call.body, call.headers["x-opendsr-signature"]))
      #expect(!String(decoding: call.body, as: UTF8.self).contains("departing"))
    }
  }

  @Test("Without a certificate discovery says that nobody has certified the key, and none is served")
  func uncertified() async throws {
    let controller = Controller(house: try await shared.value)
    let found = try await controller.house.ask("GET", "/v2/discovery", token: try controller.dpo)
    #expect(found.json["processor_certificate"] == nil)
    #expect(found.text.contains("no public authority has certified"))
    let none = try await controller.house.ask("GET", "/v2/certificate")
    #expect(none.status == 404 && none.code == "no_certificate")
  }

  @Test("What a hold keeps is told as restricted, with its ground")
  func restricted() async throws {
    let controller = Controller(house: try await shared.value)
    try await say(controller.house, "dsr-2", by: "accused")
    let hold = try await controller.house.ask(
      "POST", "/v1/holds", token: try controller.house.token([.compliance], as: "counsel"),
      json: #"{"matter":"M-3","reason":"case","conversations":["dsr-accused"]}"#)
    #expect(hold.status == 201, "\(hold.text)")
    _ = try await controller.request("erasure", "accused")
    let erasure = try #require(
      (controller.outcome(try await controller.status())["erasures"] as? [String])?.first)
    _ = try await controller.house.ask(
      "POST", "/v1/erasures/\(erasure)/approve", token: try controller.house.token([.approver], as: "second"))
    let done = try await controller.waits(for: "completed")
    #expect(controller.outcome(done)["outcome"] as? String == "restricted", "\(done.text)")
    let kept = controller.outcome(done)["kept"] as? [[String: Any]]
    #expect((kept?.first?["ground"] as? String)?.contains("17(3)(e)") == true, "\(done.text)")
  }

  @Test("Access makes a package of the person's own, named as the result")
  func access() async throws {
    let controller = Controller(house: try await shared.value)
    try await say(controller.house, "dsr-3", by: "curious")
    let made = try await controller.request("access", "curious")
    #expect(made.status == 201, "\(made.text)")
    let done = try await controller.waits(for: "completed")
    #expect(done.json["results_count"] as? Int == 1, "\(done.text)")
    let url = try #require(done.json["results_url"] as? String)
    let package = try await controller.house.ask("GET", url, token: try controller.dpo)
    #expect(package.status == 200 && package.body.starts(with: "PK".utf8))
    let nobody = Controller(house: controller.house)
    _ = try await nobody.request("portability", "never seen")
    let empty = try await nobody.waits(for: "completed")
    #expect(nobody.outcome(empty)["outcome"] as? String == "nothing_held", "\(empty.text)")
  }

  @Test("A pending request is cancelled and its erasure withdrawn; a repetition changes nothing")
  func cancelled() async throws {
    let controller = Controller(house: try await shared.value)
    let first = try await controller.request("erasure", "undecided")
    let again = try await controller.request("erasure", "undecided")
    #expect(
      again.status == 201 && again.json["received_time"] as? String == first.json["received_time"] as? String)
    let other = try await controller.request("erasure", "somebody else")
    #expect(other.status == 409 && other.code == "subject_request_id_reused")
    #expect((other.json["error"] as? [String: Any])?["code"] == nil)
    let cancelled = try await controller.house.ask("DELETE", controller.path, token: try controller.dpo)
    #expect(cancelled.status == 202 && cancelled.json["subject_request_id"] as? String == controller.id)
    #expect(cancelled.header("X-OpenDSR-Signature") != nil)
    let status = try await controller.status()
    #expect(status.json["request_status"] as? String == "cancelled", "\(status.text)")
    let twice = try await controller.house.ask("DELETE", controller.path, token: try controller.dpo)
    #expect(twice.status == 409 && twice.code == "not_pending")
  }

  @Test("A refused erasure is told as denied, and as cancelled to whoever does not know of denials")
  func denied() async throws {
    let controller = Controller(house: try await shared.value)
    _ = try await controller.request("erasure", "impostor")
    let erasure = try #require(
      (controller.outcome(try await controller.status())["erasures"] as? [String])?.first)
    _ = try await controller.house.ask(
      "POST", "/v1/erasures/\(erasure)/refuse", token: try controller.dpo,
      json: #"{"reason":"not identified"}"#)
    let status = try await controller.status()
    #expect(status.json["request_status"] as? String == "cancelled")
    #expect(controller.outcome(status)["outcome"] as? String == "denied", "\(status.text)")
  }

  @Test(
    "A request that cannot be taken says why, in the words of both standards",
    arguments: [
      #""subject_request_type":"rectification""#, #""subject_request_id":"1""#,
      #""submitted_time":"yesterday""#,
      #""subject_identities":[{"identity_type":"email","identity_value":"a@b","identity_format":"sha256"}]"#,
      #""status_callback_urls":["ftp://example.com/"]"#, #""extensions":{"other.example":{}}"#,
    ])
  func malformed(part: String) async throws {
    let controller = Controller(house: try await shared.value)
    var fields: [String: Any] = [
      "subject_request_id": controller.id, "subject_request_type": "erasure",
      "submitted_time": "2026-11-01T10:00:00Z",
      "subject_identities": [
        ["identity_type": "controller_customer_id", "identity_value": "x", "identity_format": "raw"]
      ],
    ]
    let wrong = try #require(try JSONSerialization.jsonObject(with: Data("{\(part)}".utf8)) as? [String: Any])
    fields.merge(wrong) { $1 }
    let answer = try await controller.house.ask(
      "POST", "/v2/requests", token: try controller.dpo,
      body: [UInt8](try JSONSerialization.data(withJSONObject: fields)))
    #expect(answer.status == 400 && answer.code == "bad_request", "\(answer.text)")
    let error = answer.json["error"] as? [String: Any]
    let first = (error?["errors"] as? [[String: Any]])?.first
    #expect(error?["code"] as? Int == 400 && first?["domain"] as? String == wrong.keys.first)
    #expect(!answer.text.contains("a@b"))
  }

  @Test("A callback that is not answered is repeated, in order, and only members of the role are served")
  func repeated() async throws {
    let controller = Controller(house: try await shared.value)
    let receiver = try CallbackReceiver([500, 202])
    let url = "http://127.0.0.1:\(receiver.port)/"
    _ = try await controller.request("access", "never seen either", callbacks: [url])
    _ = await receiver.waits(for: 1)
    _ = try await controller.waits(for: "completed")
    // The pause after a failure is passed over.
    let database = controller.house.application.database
    try await database.transaction { tx in
      _ = try tx.execute(
        "UPDATE subject_request_callback SET next_at = received_at FROM subject_request r "
          + "WHERE r.request_id = subject_request_callback.request_id AND ended IS NULL")
    }
    let calls = await receiver.waits(for: 4)
    #expect(
      calls.map { $0.json["request_status"] as? String } == [
        "pending", "pending", "in_progress", "completed",
      ])
    let stranger = try await controller.house.ask(
      "GET", controller.path, token: try controller.house.token([.compliance]))
    #expect(stranger.status == 403)
    let foreign = try await controller.house.ask(
      "GET", controller.path, token: try controller.house.token([.dpo], tenant: "other"))
    #expect(foreign.code == "unknown_subject_request")
  }

  @Test("Requests that wait, however many, keep no newer one from its turn")
  func starved() async throws {
    let application = try await ServedHouse.openHome()
    let tenant = try await application.tenant("acme")
    let erasure = application.erasure(application.directory(tenant))
    let waiting = try await erasure.request(subject: "undecided", reason: "r", actor: "dpo")
    let object = Handle.text("erasure", waiting.id)
    let states: (Int) -> String = { number in
      """
      INSERT INTO subject_request (tenant_id, request_id, kind, state, ready, objects, body_hash, sealed, received_at,
        expected_at, next_work_at)
      SELECT \(tenant.id.rawValue), gen_random_uuid()::text, '\(number == 1 ? "access" : "erasure")', 'pending', true,
        '{\(number == 1 ? "" : object)}', '', '', t, '\(waiting.dueAt.rfc3339)', t
      FROM (SELECT now() - interval '\(number) s' AS t) n, generate_series(1, \(number))
      """
    }
    let script = states(130) + ";" + states(1)
    try await application.database.transaction { tx in try tx.executeScript(script) }
    for _ in 0..<2 { try await application.workSubjectRequests() }
    func count(_ condition: String) async throws -> Int64 {
      try await application.database.transaction { tx in
        try tx.execute("SELECT count(*) FROM subject_request WHERE \(condition)").int64(0, 0)
      }
    }
    #expect(try await count("kind = 'access' AND outcome = 'nothing_held'") == 1)
    // Each was looked at, and is again in an hour, or as soon as its erasure moves.
    #expect(try await count("kind = 'erasure' AND next_work_at > now() + interval '30 minutes'") == 130)
    _ = try await erasure.end(waiting.id, as: .refused, reason: "r", actor: "dpo")
    for _ in 0..<2 { try await application.workSubjectRequests() }
    #expect(try await count("kind = 'erasure' AND outcome = 'denied'") == 130)
    await application.close()
  }

  @Test("An attempt that died before it had taken a request in leaves no erasure to nobody")
  func abandoned() async throws {
    let house = try await shared.value
    let controller = Controller(house: house)
    _ = try await controller.request("erasure", "half-taken-in")
    let first = try #require(
      (controller.outcome(try await controller.status())["erasures"] as? [String])?.first)
    let id = controller.id
    let database = house.application.database
    // The server's courier has the row in hand until it lets it rest.
    while try await database.transaction({ tx in
      try tx.execute(
        "SELECT 1 FROM subject_request WHERE request_id = $1 AND next_work_at < now() + interval '30 minutes'",
        [.text(id)]
      ).count > 0
    }) { try await Task.sleep(for: .milliseconds(50)) }
    try await database.transaction { tx in
      _ = try tx.execute(
        "UPDATE subject_request SET ready = false, received_at = now() - interval '1 hour' WHERE request_id = $1",
        [.text(id)])
    }
    let again = try await controller.request("erasure", "half-taken-in")
    #expect(again.status == 201, "\(again.text)")
    let second = controller.outcome(try await controller.status())["erasures"] as? [String]
    #expect(second?.count == 1 && second?.first != first)
    let state = try await house.ask("GET", "/v1/erasures/\(first)", token: try controller.dpo)
    #expect(state.json["state"] as? String == "withdrawn", "\(state.text)")
  }
}
