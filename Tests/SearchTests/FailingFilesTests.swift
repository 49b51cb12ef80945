import Foundation
import Ingestion
import Runtime
import TestSupport
import Testing

@Suite("Files that cannot be read")
struct FailingFilesTests {
  @Test("One that is damaged is named, and the others of its directory go through")
  func damaged() async throws {
    try await SearchHouse.with { house in
      let folder = try TestDatabase.temporaryHome()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      for (name, line) in [
        ("a.ndjson", Events.message("a", "room", "ann", 1, "one")),
        ("c.ndjson", Events.message("c", "room", "ann", 1, "three")),
      ] {
        try (line + "\n").write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
      }
      try Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1]).write(to: URL(fileURLWithPath: "\(folder)/b.gz"))
      let application = house.application
      let run = IngestRun(
        ingestor: application.ingestor(application.directory(house.tenant)),
        decoder: BatchDecoder(
          format: .events, client: nil, tenant: .init(name: "default", revealsOrder: true)))
      let result = try await run.ingest(folder)
      #expect(result.accepted == 2 && result.setAsideCount == 0)
      #expect(result.failures.map(\.source) == ["\(folder)/b.gz"])
      let missing = try await run.ingest("\(folder)/nothing")
      #expect(missing.isNothing && missing.failures.map(\.code) == [.notFound])
    }
  }
}
