import Exporting
import Foundation
import Server
import TestSupport
import Testing

@Suite("Exports over HTTP that nobody waits for, and packages in parts")
struct UnattendedExportTests {
  /// Asked for again and again, as clients do, until it is not running any more.
  private static func ended(_ id: String, _ house: ServedHouse, _ token: String) async throws
    -> ServedHouse
    .Answer
  {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(120)
    while clock.now < end {
      let shown = try await house.ask("GET", "/v1/exports/\(id)", token: token)
      if shown.json["state"] as? String != "running" { return shown }
      try await clock.sleep(for: .milliseconds(50))
    }
    throw ServedHouse.Failed()
  }

  @Test("202 with where to ask, then the package; a repetition shows the same export")
  func unattended() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.deliver("unattended", texts: ["For later"])
    let token = try house.token([.compliance], as: "counsel")
    let json = #"{"formats":["jsonl"],"conversations":["unattended"],"wait":false}"#
    let key = ["Idempotency-Key": UUID().uuidString]
    let asked = try await house.ask("POST", "/v1/exports", token: token, json: json, headers: key)
    #expect(asked.status == 202 && asked.json["state"] as? String == "running", "\(asked.text)")
    let id = try #require(asked.json["id"] as? String)
    #expect(asked.header("Location") == "/v1/exports/\(id)")
    let early = try await house.ask("GET", "/v1/exports/\(id)/content", token: token)
    let notYet = ["not_completed", "being_packed"]
    #expect(
      early.status == 409 && notYet.contains(early.code ?? "") || early.status == 200, "\(early.text)")
    if early.code == "being_packed" { #expect(early.header("Retry-After") == "5") }
    let shown = try await Self.ended(id, house, token)
    #expect(shown.json["state"] as? String == "completed", "\(shown.text)")
    #expect(shown.json["complete"] as? Bool == true && shown.json["created_by"] as? String == "counsel")
    let content = try await house.ask("GET", "/v1/exports/\(id)/content", token: token)
    #expect(content.status == 200 && content.body.starts(with: Data("PK".utf8)))
    let again = try await house.ask("POST", "/v1/exports", token: token, json: json, headers: key)
    #expect(again.status == 201 && again.json["id"] as? String == id)
    let refused = try await house.ask(
      "POST", "/v1/exports", token: token, json: #"{"subject":"nobody at all","wait":false}"#)
    #expect(refused.status == 404 && refused.code == "unknown_subject")
  }

  /// Words that do not get small in a ZIP file.
  private static func noise(words: Int, seed: UInt64) -> String {
    var state = seed
    return (0..<words).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return String(state >> 4, radix: 36)
    }.joined(separator: " ")
  }

  @Test("a package is cut, its parts and their list are fetched one by one, and the whole as one")
  func parts() async throws {
    let house = try await ServedHouse.shared
    let texts = (1...9).map { Self.noise(words: 1_900, seed: $0) }
    let delivered = try await house.deliver("cut", texts: texts)
    #expect(delivered.json["accepted"] as? Int == 12, "\(delivered.text.prefix(1_000))")
    let token = try house.token([.compliance], as: "counsel")
    let made = try await house.ask(
      "POST", "/v1/exports", token: token, json: #"{"conversations":["cut"],"split":"64K"}"#)
    #expect(made.status == 201 && made.json["part_bytes"] as? Int == 65_536, "\(made.text)")
    let id = try #require(made.json["id"] as? String)
    let folder = try TestDatabase.temporaryHome()
    let list = try await fetch("/v1/exports/\(id)/parts", house, token, folder)
    let entries = try #require(list.json["parts"] as? [[String: Any]])
    #expect(entries.count > 1 && list.json["export_id"] as? String == id)
    var joined = Data()
    for number in 1...entries.count {
      let part = try await fetch("/v1/exports/\(id)/parts/\(number)", house, token, folder)
      #expect(part.body.count == entries[number - 1]["bytes"] as? Int)
      joined += part.body
    }
    let whole = try await house.ask("GET", "/v1/exports/\(id)/content", token: token)
    #expect(whole.status == 200 && whole.body == joined)
    let across = try await house.ask(
      "GET", "/v1/exports/\(id)/content", token: token, headers: ["Range": "bytes=65530-65545"])
    #expect(across.status == 206 && across.body == joined[65_530...65_545])
    let path = try #require(
      try FileManager.default.contentsOfDirectory(atPath: folder).first { $0.hasSuffix(".parts.json") })
    #expect(try Exporter.verify(path: folder + "/" + path).problems == [])
    let beyond = try await house.ask("GET", "/v1/exports/\(id)/parts/\(entries.count + 1)", token: token)
    #expect(beyond.status == 404 && beyond.code == "unknown_part")
    #expect(try await house.ask("DELETE", "/v1/exports/\(id)", token: token).status == 200)
    #expect(try await house.ask("GET", "/v1/exports/\(id)/parts", token: token).status == 410)
  }

  /// Keeps what is sent under the name it is sent with.
  private func fetch(_ path: String, _ house: ServedHouse, _ token: String, _ folder: String) async throws
    -> ServedHouse.Answer
  {
    let answer = try await house.ask("GET", path, token: token)
    #expect(answer.status == 200, "\(path) \(answer.status)")
    let name = try #require(answer.header("Content-Disposition")?.split(separator: "\"").dropFirst().first)
    try answer.body.write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    return answer
  }

  @Test("an estimate takes the same body, makes nothing, and says about how many bytes")
  func estimate() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.deliver("estimated", texts: ["one thing", "and another"])
    let token = try house.token([.compliance], as: "counsel")
    let said = try await house.ask(
      "POST", "/v1/exports/estimate", token: token,
      json: #"{"conversations":["estimated"],"formats":["csv"]}"#)
    #expect(said.status == 200 && said.json["messages"] as? Int == 2, "\(said.text)")
    #expect(try #require(said.json["stored_bytes_estimate"] as? Int) > 0)
    let custodian = (said.json["custodians"] as? [[String: Any]])?.first
    #expect(custodian?["subject"] as? String == "kim" && custodian?["messages"] as? Int == 2)
    let unknown = try await house.ask(
      "POST", "/v1/exports/estimate", token: token, json: #"{"conversations":["nowhere at all"]}"#)
    #expect(unknown.status == 404 && unknown.code == "unknown_conversation")
  }

  @Test("a size that is none is refused, and a package of one file has no parts")
  func refusals() async throws {
    let house = try await ServedHouse.shared
    _ = try await house.deliver("uncut", texts: ["One file"])
    let token = try house.token([.compliance], as: "counsel")
    for split in [#""much""#, "1", #""12Q""#] {
      let refused = try await house.ask(
        "POST", "/v1/exports", token: token, json: "{\"conversations\":[\"uncut\"],\"split\":\(split)}")
      #expect(refused.status == 422, "\(split) \(refused.text)")
    }
    let made = try await house.ask(
      "POST", "/v1/exports", token: token, json: #"{"conversations":["uncut"],"split":1048576}"#)
    let id = try #require(made.json["id"] as? String)
    let one = try await house.ask("GET", "/v1/exports/\(id)/parts/1", token: token)
    #expect(one.status == 200, "a package of less than a part has one")
    let plain = try await house.ask(
      "POST", "/v1/exports", token: token, json: #"{"conversations":["uncut"]}"#)
    let other = try #require(plain.json["id"] as? String)
    let none = try await house.ask("GET", "/v1/exports/\(other)/parts", token: token)
    #expect(none.status == 409 && none.code == "not_in_parts")
  }
}
