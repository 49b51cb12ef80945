import AuditLog
import Foundation
import Runtime
import Server
import Testing

@Suite("Holds, policies, exports, erasures, audit and jobs over HTTP")
struct GovernanceRoutesTests {
  @Test("A hold is placed once for an Idempotency-Key, shown, and released")
  func holds() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.deliver("held", texts: ["Keep this"])
    let token = try house.token([.compliance], as: "counsel")
    let body = #"{"matter":"M-1","reason":"dispute","conversations":["held"]}"#
    let headers = ["Idempotency-Key": "hold-once"]
    let first = try await house.ask("POST", "/v1/holds", token: token, json: body, headers: headers)
    #expect(first.status == 201, "\(first.text)")
    let again = try await house.ask("POST", "/v1/holds", token: token, json: body, headers: headers)
    #expect(again.text == first.text)
    let other = try await house.ask(
      "POST", "/v1/holds", token: token, json: #"{"matter":"M-2","reason":"x"}"#, headers: headers)
    #expect(other.status == 422)
    #expect(other.code == "idempotency_key_reused")
    let id = try #require(first.json["id"] as? String)
    #expect(first.header("Location") == "/v1/holds/\(id)")
    let coverage = try await house.ask("GET", "/v1/holds/\(id)/coverage", token: token)
    #expect(coverage.json["kept"] as? Int == 1)
    let foreign = try await house.ask(
      "GET", "/v1/holds/\(id)", token: try house.token([.compliance], tenant: "other"))
    #expect(foreign.status == 404)
    let released = try await house.ask(
      "POST", "/v1/holds/\(id)/release", token: token, json: #"{"reason":"settled"}"#)
    #expect(released.json["active"] as? Bool == false)
    let twice = try await house.ask(
      "POST", "/v1/holds/\(id)/release", token: token, json: #"{"reason":"settled"}"#)
    #expect(twice.status == 409)
  }

  @Test("A hold by query keeps all it covers until it is evaluated, and then says what it found")
  func holdsByQuery() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.deliver("merged-plans", texts: ["The merger plan", "Nothing much"])
    let token = try house.token([.compliance], as: "counsel")
    let made = try await house.ask(
      "POST", "/v1/holds", token: token,
      json: #"{"matter":"M-3","reason":"dispute","conversations":["merged-plans"],"query":"merger"}"#)
    #expect(made.status == 201, "\(made.text)")
    let id = try #require(made.json["id"] as? String)
    let before = try #require(made.json["query"] as? [String: Any])
    #expect(before["text"] as? String == "merger" && before["evaluated_at"] == nil)
    let first = try await house.ask("GET", "/v1/holds/\(id)/coverage", token: token)
    #expect(first.json["kept"] as? Int == 2 && first.json["undecided"] as? Int == 2)
    let done = try await house.ask("POST", "/v1/holds/\(id)/evaluate", token: token)
    let found = try #require(done.json["query"] as? [String: Any], "\(done.text)")
    #expect(found["matches"] as? Int == 1 && found["excluded"] as? Int == 1)
    #expect(found["undecided"] as? Int == 0 && found["evaluated_at"] is String)
    let coverage = try await house.ask("GET", "/v1/holds/\(id)/coverage", token: token)
    #expect(coverage.json["kept"] as? Int == 1 && coverage.json["undecided"] as? Int == 0)
    let bad = try await house.ask(
      "POST", "/v1/holds", token: token, json: #"{"matter":"M","reason":"x","query":"with:bob merger"}"#)
    #expect(bad.status == 400 && bad.code == "invalid_hold" && !bad.text.contains("bob"))
    let package = try await house.ask(
      "POST", "/v1/exports", token: token, json: #"{"formats":["jsonl"],"hold":"\#(id)"}"#)
    let counts = try #require(package.json["counts"] as? [String: Any], "\(package.text)")
    #expect(counts["messages"] as? Int == 1 && counts["undecided"] as? Int == 0)
    let other = try await house.ask(
      "POST", "/v1/holds/\(id)/evaluate", token: try house.token([.compliance], tenant: "other"))
    #expect(other.status == 404)
    _ = try await house.ask("POST", "/v1/holds/\(id)/release", token: token, json: #"{"reason":"settled"}"#)
  }

  @Test("Policies are set, listed and previewed, and a message explains itself")
  func policies() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.deliver("policed", texts: ["Old news"])
    let token = try house.token([.admin], as: "admin")
    let document =
      #"{"policies":[{"name":"long","scope":{"conversation":"policed"},"delete_after":"36500d"}]}"#
    let preview = try await house.ask("POST", "/v1/retention/preview", token: token, json: document)
    #expect(preview.status == 200, "\(preview.text)")
    let set = try await house.ask("PUT", "/v1/retention/policies", token: token, json: document)
    #expect(set.status == 200, "\(set.text)")
    let list = try await house.ask("GET", "/v1/retention/policies", token: token)
    #expect((list.json["versions"] as? [Any])?.isEmpty == false)
    let bad = try await house.ask("PUT", "/v1/retention/policies", token: token, json: #"{"policies":1}"#)
    #expect(bad.code == "invalid_document")
    let why = try await house.ask("GET", "/v1/messages/policed-0/disposition", token: token)
    #expect(why.json["verdict"] as? String == "keep")
  }

  @Test("Labels and events are stated, listed and taken back, and a message's disposition has them")
  func statements() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.deliver("stated", texts: ["Signed", "Filed"])
    let token = try house.token([.compliance], as: "counsel")
    let label = try await house.ask(
      "PUT", "/v1/retention/labels", token: token,
      json: #"{"message_id":"stated-0","label":"contract","justification":"signed"}"#)
    #expect(label.status == 200, "\(label.text)")
    #expect(
      label.json["label"] as? String == "contract" && label.json["conversation_id"] as? String == "stated")
    let event = try await house.ask(
      "PUT", "/v1/retention/events", token: try house.token([.ingest], as: "chat"),
      json: #"""
        {"event":"contract_ended","conversation_id":"stated","at":"2024-05-01T00:00:00Z","justification":"end"}
        """#)
    #expect(event.status == 200 && event.json["at"] as? String == "2024-05-01T00:00:00Z", "\(event.text)")
    let why = try await house.ask("GET", "/v1/messages/stated-0/disposition", token: token)
    #expect(why.json["label"] as? String == "contract")
    #expect((why.json["events"] as? [String: String])?["contract_ended"] == "2024-05-01T00:00:00Z")
    let labels = try await house.ask("GET", "/v1/retention/labels?label=contract&limit=1", token: token)
    let first = try #require((labels.json["labels"] as? [[String: Any]])?.first)
    #expect(first["message_id"] as? String == "stated-0")
    let cursor = try #require(labels.json["next_cursor"] as? String)
    let rest = try await house.ask(
      "GET", "/v1/retention/labels?label=contract&cursor=\(cursor)", token: token)
    #expect((rest.json["labels"] as? [Any])?.isEmpty == true && rest.json["next_cursor"] == nil)
    let events = try await house.ask("GET", "/v1/retention/events?event=contract_ended", token: token)
    #expect((events.json["events"] as? [Any])?.count == 1)
    let off = try await house.ask(
      "PUT", "/v1/retention/labels", token: token,
      json: #"{"message_id":"stated-0","justification":"not one"}"#)
    #expect(off.status == 200 && off.json["label"] == nil)
    let withdrawn = try await house.ask(
      "PUT", "/v1/retention/events", token: token,
      json: #"""
        {"event":"contract_ended","conversation_id":"stated","withdrawn":true,"justification":"goes on"}
        """#)
    #expect(withdrawn.status == 200 && withdrawn.json["at"] == nil)
    for (path, body, status, code) in [
      ("labels", #"{"label":"x","justification":"j"}"#, 400, "bad_request"),
      ("labels", #"{"message_id":"stated-9","label":"x","justification":"j"}"#, 404, "unknown_message"),
      ("labels", #"{"message_id":"stated-0","label":" x","justification":"j"}"#, 400, "invalid_label"),
      (
        "events", #"{"event":"e","subject_id":"nobody","at":"2024-05-01T00:00:00Z","justification":"j"}"#,
        404,
        "unknown_subject"
      ),
      ("events", #"{"event":"e","conversation_id":"stated","justification":"j"}"#, 400, "bad_request"),
    ] {
      let answer = try await house.ask("PUT", "/v1/retention/\(path)", token: token, json: body)
      #expect(answer.status == status && answer.code == code, "\(body): \(answer.text)")
    }
  }

  @Test("Lists of labels, events and reviews have their names, and take cursors and limits of their own")
  func lists() async throws {
    let house = try await ServedHouse.shared
    let token = try house.token([.admin], tenant: "other")
    for name in ["labels", "events", "reviews"] {
      let list = try await house.ask("GET", "/v1/retention/\(name)", token: token)
      #expect(list.status == 200 && list.json[name] is [Any] && list.json["next_cursor"] == nil, "\(name)")
      for bad in ["cursor=hold-0123456789abcdef", "cursor=x", "limit=0", "limit=1001"] {
        let refused = try await house.ask("GET", "/v1/retention/\(name)?\(bad)", token: token)
        #expect(refused.status == 400 && refused.code == "bad_request", "\(name)?\(bad)")
      }
    }
  }

  @Test("What a label or an event would delete is told before it is stated, to those who govern")
  func dryRuns() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.deliver("previewed", texts: ["Signed", "Filed"], tenant: "other")
    // A tenant whose policies no other test of this house sets.
    let token = try house.token([.compliance], as: "counsel", tenant: "other")
    let document =
      #"{"policies":[{"name":"p-junk","scope":{"label":"p-junk"},"delete_after":"1d"},{"name":"p-ended","#
      + #""scope":{"tenant":true},"clock":"event","event":"p_ended","delete_after":"1d"}]}"#
    let set = try await house.ask("PUT", "/v1/retention/policies", token: token, json: document)
    #expect(set.status == 200, "\(set.text)")
    let label = try await house.ask(
      "PUT", "/v1/retention/labels", token: token,
      json: #"{"conversation_id":"previewed","label":"p-junk","justification":"j","dry_run":true}"#)
    let preview = try #require(label.json["preview"] as? [String: Any], "\(label.text)")
    #expect(label.json["dry_run"] as? Bool == true && label.json["settles_at"] is String)
    let totals = try #require(preview["totals"] as? [String: Any])
    #expect(totals["due"] as? Int == 2 && preview["goes_at"] is String)
    #expect(((totals["bytes"] as? Int) ?? 0) > 0)
    let row = try #require((preview["rows"] as? [[String: Any]])?.first)
    #expect(row["conversation_id"] as? String == "previewed")
    #expect(row["samples"] as? [String] == ["previewed-0", "previewed-1"])
    let body =
      #"{"event":"p_ended","conversation_id":"previewed","at":"2024-05-01T00:00:00Z","justification":"j","dry_run":true}"#
    let event = try await house.ask("PUT", "/v1/retention/events", token: token, json: body)
    let found = try #require(event.json["preview"] as? [String: Any], "\(event.text)")
    #expect((found["totals"] as? [String: Any])?["due"] as? Int == 2)
    let ingest = try await house.ask(
      "PUT", "/v1/retention/events", token: try house.token([.ingest], as: "chat", tenant: "other"),
      json: body)
    #expect(ingest.status == 403 && ingest.code == "forbidden")
    for path in ["labels?label=p-junk", "events?event=p_ended"] {
      let list = try await house.ask("GET", "/v1/retention/\(path)", token: token)
      #expect((list.json[path.hasPrefix("l") ? "labels" : "events"] as? [Any])?.isEmpty == true)
    }
    let cleared = try await house.ask(
      "PUT", "/v1/retention/policies", token: token, json: #"{"policies":[]}"#)
    #expect(cleared.status == 200, "\(cleared.text)")
  }

  @Test("case 17: an export is fetched as a ZIP file, whole or from any byte on")
  func exports() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.deliver("exported", texts: ["For the court"])
    let token = try house.token([.compliance], as: "counsel")
    let made = try await house.ask(
      "POST", "/v1/exports", token: token, json: #"{"formats":["jsonl"],"conversations":["exported"]}"#)
    #expect(made.status == 201, "\(made.text)")
    let id = try #require(made.json["id"] as? String)
    let content = try await house.ask("GET", "/v1/exports/\(id)/content", token: token)
    #expect(content.status == 200)
    #expect(
      content.body.starts(with: "PK".utf8) && content.headers["Content-Type"] as? String == "application/zip")
    let tag = try #require(content.headers["Etag"] as? String ?? content.headers["ETag"] as? String)
    let size = content.body.count
    for (range, part) in [
      ("bytes=0-0", 0..<1), ("bytes=10-", 10..<size), ("bytes=-7", size - 7..<size),
      ("bytes=5-999999999", 5..<size),
    ] {
      let answer = try await house.ask(
        "GET", "/v1/exports/\(id)/content", token: token, headers: ["Range": range, "If-Range": tag])
      #expect(answer.status == 206 && answer.body == content.body[part], "\(range)")
      #expect(
        answer.headers["Content-Range"] as? String
          == "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)")
    }
    for headers in [
      ["Range": "bytes=3-4", "If-Range": "\"another\""], ["Range": "bytes=4-3"], ["Range": "lines=1-2"],
      ["Range": "bytes=0-1,3-4"],
    ] {
      let answer = try await house.ask("GET", "/v1/exports/\(id)/content", token: token, headers: headers)
      #expect(answer.status == 200 && answer.body == content.body, "\(headers)")
    }
    let beyond = try await house.ask(
      "GET", "/v1/exports/\(id)/content", token: token, headers: ["Range": "bytes=\(size)-"])
    #expect(beyond.status == 416 && beyond.headers["Content-Range"] as? String == "bytes */\(size)")
    let sealed = try await house.ask(
      "POST", "/v1/exports", token: token,
      json:
        #"{"conversations":["exported"],"recipients":["age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"]}"#
    )
    let closed = try await house.ask(
      "GET", "/v1/exports/\(try #require(sealed.json["id"] as? String))/content", token: token)
    #expect(closed.body.starts(with: "age-encryption.org/v1\n".utf8))
    let nobody = try await house.ask("POST", "/v1/exports", token: token, json: #"{"recipients":["age1"]}"#)
    #expect(nobody.status == 400)
    let unknown = try await house.ask("GET", "/v1/exports/export-0000000000000001", token: token)
    #expect(unknown.code == "unknown_export")
  }

  @Test("An erasure needs a second person, stops at a hold, and is certified")
  func erasures() async throws {
    let house = try await ServedHouse.shared
    let line = #"{"type":"user.upserted","subject_id":"leaver","display_name":"Lee Leaver"}"#
    _ = try await house.ask("POST", "/v1/events", token: try house.token([.ingest], as: "chat"), json: line)
    let dpo = try house.token([.dpo, .approver], as: "dpo")
    let made = try await house.ask(
      "POST", "/v1/erasures", token: dpo, json: #"{"subject_id":"leaver","reason":"asked for it"}"#)
    #expect(made.status == 201, "\(made.text)")
    let id = try #require(made.json["id"] as? String)
    #expect(made.json["state"] as? String == "planned")
    let alone = try await house.ask("POST", "/v1/erasures/\(id)/approve", token: dpo)
    #expect(alone.status == 403)
    #expect(alone.code == "same_person")
    let early = try await house.ask("GET", "/v1/erasures/\(id)/certificate", token: dpo)
    #expect(early.code == "not_completed")
    let approved = try await house.ask(
      "POST", "/v1/erasures/\(id)/approve", token: try house.token([.approver], as: "second"))
    #expect(approved.json["state"] as? String == "approved")
    let run = try await house.ask("POST", "/v1/erasures/\(id)/run", token: dpo)
    #expect(run.json["state"] as? String == "completed", "\(run.text)")
    let certificate = try await house.ask("GET", "/v1/erasures/\(id)/certificate", token: dpo)
    #expect(certificate.json["payload"] as? String != nil)
  }

  @Test(
    "case 20: a held subject is erased in part, and the plan names the hold to a data protection officer only"
  )
  func heldErasure() async throws {
    let house = try await ServedHouse.shared
    let event = #"""
      {"type":"message.created","message_id":"kept-0","conversation_id":"kept","sender_id":"suspect",\#
      "created_at":"2024-03-02T10:00:00Z","body":{"plain":"evidence"}}
      """#
    let delivered = try await house.ask(
      "POST", "/v1/events", token: try house.token([.ingest], as: "chat"), json: event)
    #expect(delivered.json["accepted"] as? Int == 1, "\(delivered.text)")
    let hold = try await house.ask(
      "POST", "/v1/holds", token: try house.token([.compliance], as: "counsel"),
      json: #"{"matter":"M-9","reason":"case","custodians":["suspect"]}"#)
    let holdID = try #require(hold.json["id"] as? String)
    let dpo = try house.token([.dpo], as: "dpo")
    let made = try await house.ask(
      "POST", "/v1/erasures", token: dpo, json: #"{"subject_id":"suspect","reason":"asked"}"#)
    let id = try #require(made.json["id"] as? String)
    let path = "/v1/erasures/\(id)"
    let blind = try await house.ask("GET", path, token: try house.token([.approver], as: "second"))
    #expect(blind.text.contains("a legal hold"))
    #expect(!blind.text.contains(holdID))
    let told = try await house.ask("GET", path, token: try house.token([.approver, .dpo], as: "second"))
    #expect(told.text.contains(holdID))
    _ = try await house.ask("POST", path + "/approve", token: try house.token([.approver], as: "second"))
    let run = try await house.ask("POST", path + "/run", token: dpo)
    #expect(run.json["state"] as? String == "restricted", "\(run.text)")
    #expect((run.json["steps"] as? [String: Any])?["restricted"] as? Int == 1, "\(run.text)")
  }

  @Test(
    "The audit log tells its tenant's entries, with proofs, and a look of compliance is in it without the query"
  )
  func audit() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.ask(
      "POST", "/v1/search", token: try house.token([.compliance], as: "counsel"),
      json: #"{"query":"xylophone"}"#)
    let token = try house.token([.auditor], as: "auditor")
    let entries = try await house.ask("GET", "/v1/audit/entries?limit=1000", token: token)
    #expect(entries.status == 200)
    #expect(entries.text.contains("search.performed"))
    #expect(!entries.text.contains("xylophone"))
    let list = try #require(entries.json["entries"] as? [[String: Any]])
    let first = try #require(list.first)
    let index = try #require(first["index"] as? Int)
    let proof = try await house.ask("GET", "/v1/audit/proof/\(index)", token: token)
    #expect(proof.status == 200, "\(proof.text)")
    let entry = try #require(first["entry"] as? String)
    #expect(throws: Never.self) {
      try ProofFile(parsing: proof.text).verify(Array(entry.utf8), by: house.application.audit.key)
    }
    let checkpoint = try await house.ask("GET", "/v1/audit/checkpoint", token: token)
    #expect(checkpoint.text.hasPrefix("muniment/audit\n"))
    let key = try await house.ask("GET", "/v1/audit/key", token: token).text
    #expect(key == house.application.audit.key.verifierKey + "\n")
    let request = try await house.ask("GET", "/v1/audit/consistency?from=1", token: token)
    #expect(request.text.hasPrefix("old 1\n") && request.text.contains("\n\nmuniment/audit\n"))
    let refused = try await house.ask(
      "POST", "/v1/audit/cosignatures", token: token, body: Array(checkpoint.text.utf8))
    #expect((refused.status, refused.code) == (400, "audit_notAuthentic"))
    let lines = try await house.ask("GET", "/v1/audit/export?readable=true", token: token).text
    #expect(lines.contains(#""actor":"counsel""#) && lines.hasSuffix("}\n"))
    #expect(!(try await house.ask("GET", "/v1/audit/export", token: token).text.contains("counsel")))
    #expect(
      try await house.ask("GET", "/v1/audit/entries?limit=1000", token: token).text.contains("audit.exported")
    )
    let report = try await house.ask("GET", "/v1/reports/processing", token: try house.token([.dpo]))
    #expect(report.status == 200 && report.json["tenant"] as? String == "acme")
    let other = try await house.ask(
      "GET", "/v1/audit/proof/\(index)", token: try house.token([.auditor], tenant: "other"))
    #expect(other.status == 404)
    #expect(try await house.ask("GET", "/v1/audit/tile/0/000.p/1", token: token).body.count == 32)
    #expect(try await house.ask("GET", "/v1/audit/tile/0/999", token: token).status == 404)
  }

  @Test("A job that is asked for runs in the background")
  func jobs() async throws {
    let house = try await ServedHouse.shared
    let token = try house.token([.operator_], as: "ops", tenant: nil)
    let started = try await house.ask("POST", "/v1/jobs/checkpoint/runs", token: token)
    #expect(started.status == 202, "\(started.text)")
    let path = try #require(started.header("Location"))
    var state = "running"
    while state == "running" {
      state = try await house.ask("GET", path, token: token).json["state"] as? String ?? "none"
    }
    #expect(state == "completed")
    let unknown = try await house.ask("POST", "/v1/jobs/sweep/runs", token: token)
    #expect(unknown.code == "unknown_job")
    let list = try await house.ask("GET", "/v1/jobs", token: token)
    #expect((list.json["jobs"] as? [Any])?.count == Job.allCases.count)
    #expect(try await house.ask("GET", "/v1/status", token: token).status == 200)
  }
}
