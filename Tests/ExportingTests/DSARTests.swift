import Catalog
import Foundation
import Ingestion
import Model
import Testing

@testable import Exporting

/// What a person is given about themself.
@Suite struct DSARTests {
  private static let more = [
    #"{"type":"conversation.upserted","conversation_id":"ann--bobby","kind":"direct","name":"Ann and Bobby"}"#,
    #"{"type":"conversation.upserted","conversation_id":"silent","kind":"channel","name":"Silence"}"#,
    #"{"type":"user.upserted","subject_id":"bobby","display_name":"Bobby Tables","email":"bobby@example.org"}"#,
    #"{"type":"member.joined","conversation_id":"ann--bobby","subject_id":"bobby","at":"2026-01-01T00:00:00Z"}"#,
    #"{"type":"member.joined","conversation_id":"ann--bobby","subject_id":"ann","at":"2026-01-01T00:00:00Z"}"#,
    #"{"type":"member.joined","conversation_id":"silent","subject_id":"ann","at":"2026-01-01T00:00:00Z"}"#,
    #"{"type":"message.created","message_id":"d1","conversation_id":"ann--bobby","sender_id":"bobby","created_at":"2026-01-02T00:00:00Z","body":{"plain":"a secret of the other"}}"#,
    #"{"type":"message.created","message_id":"d2","conversation_id":"ann--bobby","sender_id":"ann","created_at":"2026-01-02T00:00:01Z","mentions":["bobby","ann"],"body":{"sealed":"AAEC/w==","key_id":"k1","wrapped_keys":{"bobby":"AQ==","ann":"Ag=="}}}"#,
    #"{"type":"reaction.added","message_id":"d2","conversation_id":"ann--bobby","subject_id":"bobby","name":"heart","at":"2026-02-01T00:00:01Z"}"#,
    #"{"type":"reaction.added","message_id":"d1","conversation_id":"ann--bobby","subject_id":"ann","name":"tada","at":"2026-02-02T00:00:01Z"}"#,
    #"{"type":"receipt","conversation_id":"ann--bobby","subject_id":"ann","state":"read","up_to":"d1","at":"2026-03-01T00:00:01Z"}"#,
    #"{"type":"receipt","conversation_id":"ann--bobby","subject_id":"bobby","state":"read","up_to":"d2","at":"2026-03-01T00:00:01Z"}"#,
  ]

  private func house(_ body: (ExportHouse, Exporter) async throws -> Void) async throws {
    let house = try await ExportHouse()
    do {
      let stored = try await house.ingest(SampleHistory.lines + Self.more)
      #expect(stored.setAsideCount == 0, "\(stored.setAside)")
      try await body(house, try await house.exporter())
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  private func text(_ folder: String) throws -> String {
    try FileManager.default.subpathsOfDirectory(atPath: folder).sorted()
      .filter { Paths.isRegularFile(folder + "/" + $0) }
      .map { $0 + "\n" + (try String(contentsOfFile: folder + "/" + $0, encoding: .utf8)) }.joined()
  }

  @Test func aPersonGetsTheirsAndNothingOfOthers() async throws {
    try await house { house, exporter in
      let selection = try await exporter.selection(subject: "ann")
      let path = house.root + "/dsar"
      let record = try await exporter.create(selection, formats: [.dsar], output: path, actor: "Grace")
      #expect(record.isComplete && record.counts.messages == 4 && record.counts.people == 1)
      #expect(record.counts.conversations == 3, "also where nothing was written")
      #expect(try Exporter.verify(path: path).isValid)
      let manifest = try String(contentsOfFile: path + "/manifest.json", encoding: .utf8)
      let warnings = try String(contentsOfFile: path + "/warnings.txt", encoding: .utf8)
      let all = try text(path + "/dsar") + manifest + warnings
      for own in [
        "text of g1", "edited", "ann@example.org", "Silence", "person-1", "direct-1", "AAEC/w==", "tada",
      ] {
        #expect(all.contains(own), "\(own)")
      }
      for foreign in ["bobby", "Bobby", "\"bob\"", "a secret of the other", "AQ==", "tokens", "cyd"] {
        #expect(!all.contains(foreign), "\(foreign)")
      }
      let lines = try String(contentsOfFile: path + "/dsar/data.jsonl", encoding: .utf8).split(
        separator: "\n")
      #expect(lines.count { $0.hasPrefix(#"{"type":"receipt""#) } == 1)
      #expect(lines.count { $0.hasPrefix(#"{"type":"member.joined""#) } == 3)
      #expect(
        lines.contains {
          $0.contains(#""mentions":["person-1","ann"]"#) || $0.contains(#""mentions":["person-2","ann"]"#)
        })
      #expect(lines.contains { $0.contains(#""wrapped_keys":{"ann":"Ag=="}"#) })
    }
  }

  @Test func theSameHistoryGivesTheSameFiles() async throws {
    try await house { house, exporter in
      let selection = try await exporter.selection(subject: "ann")
      for name in ["/one", "/two"] {
        _ = try await exporter.create(selection, formats: [.dsar], output: house.root + name, actor: "Grace")
      }
      // The second one tells of the first.
      let (one, two) = (house.root + "/one/dsar", house.root + "/two/dsar")
      let (before, after) = (
        try String(contentsOfFile: one + "/audit.json", encoding: .utf8),
        try String(contentsOfFile: two + "/audit.json", encoding: .utf8)
      )
      #expect(!before.contains("export.created") && after.contains("export.created"))
      for name in [one, two] { try FileManager.default.removeItem(atPath: name + "/audit.json") }
      #expect(try text(one) == text(two))
    }
  }

  @Test func aPersonHearsOfNoInquiry() async throws {
    try await house { house, exporter in
      let selection = try await exporter.selection(subject: "ann")
      _ = try await exporter.create(
        selection, formats: [.jsonl], output: house.root + "/inquiry", actor: "Grace")
      let path = house.root + "/dsar"
      _ = try await exporter.create(selection, formats: [.dsar], output: path, actor: "Grace")
      #expect(try String(contentsOfFile: path + "/dsar/audit.json", encoding: .utf8) == "[]\n")
    }
  }

  @Test func whatNamesOthersOrACaseIsRefused() async throws {
    try await house { house, exporter in
      let ann = try await exporter.selection(subject: "ann")
      var held = ann
      held.messages = []
      let cases: [(ExportSelection, Set<ExportFormat>)] = [
        (ExportSelection(), [.dsar]), (ann, [.dsar, .jsonl]), (held, [.dsar]),
      ]
      for (selection, formats) in cases {
        await #expect(throws: ExportError.self) {
          try await exporter.create(selection, formats: formats, output: house.root + "/no", actor: "Grace")
        }
      }
      #expect(try await exporter.list().isEmpty)
    }
  }
}
