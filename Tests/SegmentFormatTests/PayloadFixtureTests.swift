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

  @Test(arguments: [[UInt8](), [2], [1], [1, 1, 1, 0x6D], [1, 0, 0], [1, 11, 0], [1, 2, 1, 0xFF]])
  func whatIsNoPayloadIsRefused(bytes: [UInt8]) {
    #expect(throws: MalformedBytes.self) { try MessagePayload(bytes: bytes) }
  }
}
