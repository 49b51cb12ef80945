import Foundation
import Sodium
import Testing

@Suite("Version 1 is frozen")
struct FrozenTests {
  /// Of `Schemas/tokens/vectors-v1.json`. Never to be changed: texts that were indexed with these tokens are searched
  /// with them for ever. Other rules are another version, with vectors of their own.
  private static let digest = "5da56236973457bb653f60de04a63468e9659d88105df3de35aeaa9bc46c8ba4"

  @Test("not a byte of the vectors has changed since")
  func vectors() throws {
    let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let data = try Data(contentsOf: repository.appending(path: "Schemas/tokens/vectors-v1.json"))
    #expect(SHA256.hash(Array(data)).hex == Self.digest, "version 1 is frozen: make a version 2 beside it")
    let text = try String(contentsOf: repository.appending(path: "Schemas/tokens/v1.md"), encoding: .utf8)
    #expect(text.contains(Self.digest), "the page names the vectors it was written for")
  }
}
