import Foundation
import Model
import Sodium
import Testing

/// The worked examples of `Schemas/formats/payload-v1.md`.
@Suite struct PayloadFixtureTests {
  @Test(arguments: [("payload-v1.hex", Fixture.payload), ("payload-v1-sealed.hex", Fixture.sealedPayload)])
  func theFrozenPayloadIsReadWrittenAndShown(file: String, payload: MessagePayload) throws {
    if ProcessInfo.processInfo.environment["MUNIMENT_SHOW_FIXTURES"] == "1" { print(file, payload.bytes.hex) }
    let frozen = try Fixture.bytes(file)
    #expect(try MessagePayload(bytes: frozen) == payload)
    #expect(payload.bytes == frozen)
    #expect(try Fixture.page("payload-v1.md").contains(frozen.hex))
  }

  /// The bytes are authenticated as a whole, so a cut one never comes here; it must not crash or misread even so.
  @Test func aCutPayloadIsRefusedOrLosesWholeFieldsAtItsEnd() throws {
    let bytes = Fixture.payload.bytes
    for length in bytes.indices {
      guard let cut = try? MessagePayload(bytes: Array(bytes.prefix(length))) else { continue }
      #expect(cut.bytes.starts(with: bytes.prefix(length)))
    }
  }

  @Test(arguments: [
    [UInt8](), [2], [1], [1, 1, 1, 0x6D], [1, 0, 0], [1, 11, 0], [1, 2, 1, 0xFF],
    [1, 1, 1, 0x6D, 3, 2, 0, 2],
  ])
  func whatIsNoPayloadIsRefused(bytes: [UInt8]) {
    #expect(throws: MalformedBytes.self) { try MessagePayload(bytes: bytes) }
  }

  /// Behind an id and an empty body.
  private func read(_ fields: [UInt8]) throws {
    _ = try MessagePayload(bytes: [1, 1, 1, 0x6D, 2, 0] + fields)
  }

  /// Unknown tags; an attachment that goes on, and one with neither 0 nor 1; tokens of an unknown mode, of a generation
  /// over 32 bits, with a flag that is not UTF-8, with fewer flags than they say; an edit without content.
  private static let refused: [[UInt8]] = [
    [12, 0], [0, 0], [9, 7, 0, 1, 0, 0, 0, 0, 0], [9, 6, 0, 1, 2, 0, 0, 0], [10, 7, 2, 0, 0, 0, 0, 0, 0],
    [10, 11, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0, 0, 0], [10, 9, 0, 0, 0, 0, 0, 0, 1, 1, 0xFF],
    [10, 9, 0, 0, 0, 0, 0, 0, 2, 1, 0x61], [11, 2, 0, 0],
  ]
  /// What is nearest to these and right.
  private static let taken: [[UInt8]] = [
    [], [9, 6, 0, 1, 0, 0, 0, 0], [10, 7, 0, 0, 0, 0, 0, 0, 0], [10, 9, 0, 0, 0, 0, 0, 0, 1, 1, 0x61],
    [10, 11, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0, 0, 0, 0, 0], [11, 3, 0, 0, 9],
  ]

  @Test func fieldsOfNoKnownFormAreRefused() {
    for fields in Self.refused {
      #expect(throws: MalformedBytes.self, "\(fields)") { try read(fields) }
    }
    for fields in Self.taken { #expect(throws: Never.self, "\(fields)") { try read(fields) } }
  }
}
