import Testing
import Zstd

@Suite struct ZstdFrameTests {
  private static let text = Array(String(repeating: "the same words again and again. ", count: 20_000).utf8)

  @Test(arguments: [0, 1, 100, 131_072, 131_073, 600_000])
  func aFrameOpensToWhatWasPutIn(size: Int) throws {
    let bytes = Array(Self.text.prefix(size))
    #expect(try ZstdFrame.decompress(ZstdFrame.compress(bytes), limit: size) == bytes)
  }

  @Test func aFrameOverTheLimitIsRefusedByWhatItDeclares() {
    let bomb = ZstdFrame.compress([UInt8](repeating: 0, count: 8 << 20))
    #expect(bomb.count < 2_000)
    #expect(throws: ZstdError(.tooLarge)) { try ZstdFrame.decompress(bomb, limit: (8 << 20) - 1) }
    #expect(throws: Never.self) { try ZstdFrame.decompress(bomb, limit: 8 << 20) }
    #expect(throws: ZstdError(.tooLarge)) { try ZstdFrame.decompress(bomb, limit: -1) }
  }

  /// The size lies in the header, after magic and descriptor (RFC 8878 §3.1.1.1): here in two bytes, less 256.
  @Test func aFrameThatDeclaresLessThanItHoldsIsRefused() {
    var frame = ZstdFrame.compress(Array(Self.text.prefix(1_000)))
    #expect(frame[4] >> 6 == 1)
    frame[5] = 0
    #expect(throws: ZstdError.self) { try ZstdFrame.decompress(frame, limit: 1 << 20) }
  }

  @Test func everyCutFrameIsRefused() {
    let frame = ZstdFrame.compress(Array(Self.text.prefix(5_000)))
    for length in frame.indices {
      #expect(throws: ZstdError.self) {
        try ZstdFrame.decompress(Array(frame.prefix(length)), limit: 1 << 20)
      }
    }
  }

  /// zstd itself would open the second, or pass over it (RFC 8878, 3.1.2).
  @Test func whatFollowsAFrameIsRefused() {
    let frame = ZstdFrame.compress(Array(Self.text.prefix(500)))
    for rest in [[0], ZstdFrame.compress([]), frame, [0x50, 0x2A, 0x4D, 0x18, 1, 0, 0, 0, 9]] as [[UInt8]] {
      #expect(throws: ZstdError.self) { try ZstdFrame.decompress(frame + rest, limit: 1 << 20) }
    }
  }

  @Test func whatIsNoFrameIsRefused() {
    #expect(throws: ZstdError(.corrupt)) { try ZstdFrame.decompress(Array("plain text".utf8), limit: 100) }
    #expect(throws: ZstdError(.corrupt)) { try ZstdFrame.decompress([], limit: 100) }
  }

  @Test func manyTasksMayCompressAtOnce() async throws {
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<32 {
        group.addTask {
          let bytes = Array(Self.text.dropFirst(number).prefix(20_000))
          return try ZstdFrame.decompress(ZstdFrame.compress(bytes), limit: 20_000) == bytes
        }
      }
      for try await same in group { #expect(same) }
    }
  }
}
