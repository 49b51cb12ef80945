import Foundation
import Ingestion
import Testing

@testable import Exporting

/// Other people's programs open what is exported: see `Tests/Compatibility/exports.py`.
@Suite struct ThirdPartyTests {
  @Test func everyFormatIsOpenedByOtherPrograms() async throws {
    let house = try await ExportHouse()
    do {
      let stored = try await house.ingest(
        SampleHistory.lines + HostileHistory.lines + ScriptHistory.lines)
      #expect(stored.setAsideCount == 0, "\(stored.setAside)")
      let path = house.root + "/package"
      let record = try await house.exporter().create(
        ExportSelection(), formats: Set(ExportFormat.allCases).subtracting([.dsar]), output: path,
        actor: "Grace")
      #expect(record.isComplete)
      #expect(try Exporter.verify(path: path).isValid)
      let result = try HostileHistory.python("exports.py", [path])
      #expect(result.status == 0, "\(result.output)")
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }
}

/// A conversation of nothing but text that broke something once, in threads, edited.
enum HostileHistory {
  static let lines: [String] = {
    var lines = [
      #"{"type":"conversation.upserted","conversation_id":"hostile","kind":"group","name":"../../etc/passwd\u0000\u202e.exe"}"#,
      #"{"type":"user.upserted","subject_id":"=eve@x","display_name":"Eve, \"<eve>\"; 日本","email":"not an address"}"#,
      #"{"type":"member.joined","conversation_id":"hostile","subject_id":"=eve@x","at":"2026-02-01T00:00:00Z"}"#,
    ]
    for (index, text) in hostileStrings.enumerated() {
      var event: [String: Any] = [
        "type": "message.created", "message_id": "h.\(index) <\(index)>", "conversation_id": "hostile",
        "sender_id": index.isMultiple(of: 3) ? "dan" : "=eve@x",
        "created_at": "2026-02-0\(1 + index % 5)T10:00:0\(index % 7)Z", "body": ["plain": text],
      ]
      if index > 0 { event["thread_id"] = "h.0 <0>" }
      if index > 4 { event["reply_to"] = "h.\(index - 1) <\(index - 1)>" }
      lines.append(json(event))
    }
    lines.append(
      json([
        "type": "message.edited", "message_id": "h.2 <2>", "conversation_id": "hostile",
        "editor_id": "=eve@x", "edited_at": "2026-02-07T00:00:00Z", "version": 2,
        "body": ["plain": "From now on:\n.\n=edited"],
      ]))
    lines.append(
      json([
        "type": "message.deleted", "message_id": "h.3 <3>", "conversation_id": "hostile",
        "deleted_by": "dan", "deleted_at": "2026-02-07T00:00:00Z",
      ]))
    return lines
  }()

  private static func json(_ event: [String: Any]) -> String {
    let data = try? JSONSerialization.data(withJSONObject: event, options: [.sortedKeys])
    return String(decoding: data ?? Data(), as: UTF8.self)
  }

  static func python(_ script: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/python3")
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    process.arguments = [folder.path + "/Compatibility/" + script] + arguments
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
