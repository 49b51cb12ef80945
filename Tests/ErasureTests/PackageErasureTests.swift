import Catalog
import Erasure
import Exporting
import Foundation
import Model
import Testing

/// Packages that name somebody who is erased, and are not where the erasure runs.
@Suite struct PackageErasureTests {
  @Test("no erasure is certified while a package lies below another home; what was handed over is named")
  func elsewhere() async throws {
    try await ErasureHouse.with { house in
      try await house.deliver([
        Events.join("ann"), Events.join("ben"), Events.message("hers", "ann", "lantern of ann"),
        Events.message("his", "ben", "copper of ben"),
      ])
      func export(_ path: String) async throws -> ExportRecord {
        try await house.exporter.create(
          ExportSelection(), formats: [.jsonl], output: path, as: .zip, actor: "officer")
      }
      let away = house.home + "-handed-over"
      defer { try? FileManager.default.removeItem(atPath: away) }
      let package = try await export(house.home + "/exports/all.zip")
      let given = try await export(away + "/all.zip")
      // The home is mounted elsewhere, and another one is here.
      let mark = house.home + "/home-id"
      let id = try String(contentsOfFile: mark, encoding: .utf8)
      try (String(repeating: "0", count: 32) + "\n").write(toFile: mark, atomically: true, encoding: .utf8)
      try FileManager.default.moveItem(atPath: house.home + "/exports/all.zip", toPath: away + "/mounted.zip")
      let erasure = try await house.approved("ann")
      for _ in 1...2 {
        let refusal = await #expect(throws: ErasureError.self) {
          try await house.erasure.run(erasure, actor: "alice")
        }
        #expect(refusal?.code == .residue && refusal?.description.contains(package.id) == true)
        #expect(refusal?.description.contains(given.id) == false)
      }
      #expect(try await house.erasure.find(erasure).state == .partial)
      try id.write(toFile: mark, atomically: true, encoding: .utf8)
      try FileManager.default.moveItem(atPath: away + "/mounted.zip", toPath: house.home + "/exports/all.zip")
      let certificate = try await house.erasure.run(erasure, actor: "alice").statement()
      #expect(certificate.notCovered.contains { $0.contains(given.id) && !$0.contains(package.id) })
      #expect(!FileManager.default.fileExists(atPath: house.home + "/exports/all.zip"))
    }
  }
}
