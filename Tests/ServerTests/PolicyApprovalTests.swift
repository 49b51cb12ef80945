import Foundation
import JobQueue
import Postgres
import Runtime
import Server
import ServiceLifecycle
import Testing

@Suite("Changes of policies, their previews and approvals over HTTP")
struct PolicyApprovalTests {
  private static let strict =
    #"{"policies":[{"name":"default","scope":{"tenant":true},"delete_after":"30d"}]}"#

  /// A service that asks for second persons, with two old messages.
  private func with(_ body: (ServedHouse) async throws -> Void) async throws {
    let house = try await ServedHouse.open("retention: {approval: second_person, grace: 1h}\n")
    _ = try await house.deliver("old", texts: ["Old news", "Older news"])
    try await body(house)
    await house.group.triggerGracefulShutdown()
    try await house.running.value
  }

  @Test(
    "What deletes more waits for somebody else's approval, is shown as a problem, and no run uses it before")
  func approved() async throws {
    try await with { house in
      let (alice, bob) = (
        try house.token([.admin, .approver], as: "alice"), try house.token([.approver], as: "bob")
      )
      let set = try await house.ask("PUT", "/v1/retention/policies", token: alice, json: Self.strict)
      #expect(set.status == 200 && set.json["standing"] as? String == "waiting", "\(set.text)")
      #expect((set.json["totals"] as? [String: Any])?["due"] as? Int == 2)
      let again = try await house.ask("PUT", "/v1/retention/policies", token: alice, json: Self.strict)
      #expect(again.json["version"] as? Int == 1 && again.json["changed"] as? Bool == false)
      let shown = try await house.ask("GET", "/v1/retention/policies/1", token: bob)
      #expect(shown.json["standing"] as? String == "waiting", "\(shown.text)")
      let preview = try #require(shown.json["preview"] as? [String: Any])
      #expect((preview["rows"] as? [[String: Any]])?.first?["samples"] as? [String] == ["old-0", "old-1"])
      let audit = try #require(shown.json["audit"] as? [String: Any])
      #expect(audit["matches"] as? Bool == true && audit["preview_sha256"] is String)
      let alone = try await house.ask("POST", "/v1/retention/policies/1/approve", token: alice)
      #expect(alone.status == 403 && alone.code == "same_person", "\(alone.text)")
      let role = try await house.ask(
        "POST", "/v1/retention/policies/1/approve", token: try house.token([.admin], as: "carol"))
      #expect(role.status == 403 && role.code == "forbidden")

      let application = house.application
      #expect(try await !application.problems().map(\.code).contains("policies_unapproved"))
      // As if it had been set two hours ago.
      try await application.database.transaction { tx in
        _ = try tx.execute("UPDATE retention_policy_set SET effective_at = effective_at - interval '2 hours'")
      }
      #expect(try await application.problems().map(\.code).contains("policies_unapproved"))
      #expect(try await application.run(.retention, actor: "test").state == "completed")
      let kept = try await house.ask("GET", "/v1/messages/old-0/disposition", token: alice)
      #expect(kept.json["state"] as? String == "live" && kept.json["policy_set"] as? Int == 0, "\(kept.text)")

      let approved = try await house.ask("POST", "/v1/retention/policies/1/approve", token: bob)
      #expect(
        approved.status == 200 && approved.json["standing"] as? String == "in_force", "\(approved.text)")
      let twice = try await house.ask("POST", "/v1/retention/policies/1/approve", token: bob)
      #expect(
        twice.status == 200 && twice.json["decided_at"] as? String == approved.json["decided_at"] as? String)
      let late = try await house.ask(
        "POST", "/v1/retention/policies/1/reject", token: bob, json: #"{"justification":"changed my mind"}"#)
      #expect(late.status == 409 && late.code == "policies_decided")
      #expect(try await !application.problems().map(\.code).contains("policies_unapproved"))
      #expect(try await application.run(.retention, actor: "test").state == "completed")
      let gone = try await house.ask("GET", "/v1/messages/old-0/disposition", token: alice)
      #expect(gone.json["state"] as? String == "expired", "\(gone.text)")
    }
  }

  @Test("What is rejected never counts; other tenants' versions are not there")
  func rejected() async throws {
    try await with { house in
      let admin = try house.token([.admin], as: "alice")
      _ = try await house.ask("PUT", "/v1/retention/policies", token: admin, json: Self.strict)
      let bad = try await house.ask(
        "POST", "/v1/retention/policies/1/reject", token: admin, json: #"{"justification":""}"#)
      #expect(bad.status == 400 && bad.code == "invalid_approval")
      let rejected = try await house.ask(
        "POST", "/v1/retention/policies/1/reject", token: admin, json: #"{"justification":"by mistake"}"#)
      #expect(
        rejected.status == 200 && rejected.json["standing"] as? String == "rejected", "\(rejected.text)")
      let bob = try house.token([.approver], as: "bob")
      let late = try await house.ask("POST", "/v1/retention/policies/1/approve", token: bob)
      #expect(late.status == 409)
      let list = try await house.ask("GET", "/v1/retention/policies", token: bob)
      let versions = try #require(list.json["versions"] as? [[String: Any]])
      #expect(versions.map { $0["standing"] as? String } == ["rejected"])
      for path in ["1", "0", "x", "99999999999"] {
        let foreign = try await house.ask(
          "GET", "/v1/retention/policies/\(path)",
          token: try house.token([.admin], tenant: path == "1" ? "other" : "acme"))
        #expect(foreign.status == 404 && foreign.code == "unknown_policies", "\(path)")
      }
    }
  }
}
