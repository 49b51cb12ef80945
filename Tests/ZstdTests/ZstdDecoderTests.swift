import Testing
import Zstd

@Suite struct ZstdDecoderTests {
  private static let text = Array(String(repeating: "the same words again and again. ", count: 20_000).utf8)

  private static func decode(_ input: [UInt8], by step: Int) throws -> [UInt8] {
    var decoder = ZstdDecoder()
    var output: [UInt8] = []
    for start in stride(from: 0, to: input.count, by: step) {
      try decoder.decode(Array(input[start..<min(start + step, input.count)])) { output += $0 }
      try decoder.decode([]) { output += $0 }
    }
    try decoder.finish()
    return output
  }

  @Test(arguments: [1, 7, 64, 4_096, 1 << 20])
  func aStreamOpensInWhateverPiecesItComes(step: Int) throws {
    #expect(try Self.decode(ZstdFrame.compress(Self.text), by: step) == Self.text)
  }

  /// Output that fills the last piece exactly must not make the decoder ask for a frame that is not there.
  @Test(arguments: [
    0, ZstdDecoder.pieceBytesMax - 1, ZstdDecoder.pieceBytesMax, 3 * ZstdDecoder.pieceBytesMax,
  ])
  func aStreamMayEndAtTheEdgeOfAPiece(size: Int) throws {
    let bytes = Array(Self.text.prefix(size))
    #expect(try Self.decode(ZstdFrame.compress(bytes), by: 1 << 20) == bytes)
  }

  @Test func framesFollowOneAnother() throws {
    let frames =
      ZstdFrame.compress(Array("one ".utf8)) + ZstdFrame.compress([]) + ZstdFrame.compress(Array("two".utf8))
    for step in 1...frames.count { #expect(try Self.decode(frames, by: step) == Array("one two".utf8)) }
  }

  @Test func piecesAreBounded() throws {
    var decoder = ZstdDecoder()
    var total = 0
    try decoder.decode(ZstdFrame.compress([UInt8](repeating: 0, count: 5 << 20))) {
      #expect($0.count <= ZstdDecoder.pieceBytesMax)
      total += $0.count
    }
    #expect(total == 5 << 20)
  }

  @Test func aCutStreamIsNoticedAtTheEnd() throws {
    let frame = ZstdFrame.compress(Array(Self.text.prefix(5_000)))
    for length in frame.indices {
      #expect(throws: ZstdError(.truncated)) { try Self.decode(Array(frame.prefix(length)), by: 64) }
    }
  }

  /// A frame header with an 8-byte content size of 2^31 and a window of 2^28 bytes (RFC 8878 §3.1.1.1).
  @Test func aFrameWithALargerWindowThanAllowedIsRefused() {
    let header: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0xC0, 18 << 3, 0, 0, 0, 0x80, 0, 0, 0, 0, 1, 0, 0]
    #expect(throws: ZstdError(.tooLarge)) { try Self.decode(header, by: 64) }
  }

  @Test func whatTheReceiverThrowsComesThrough() {
    struct Enough: Error {}
    var decoder = ZstdDecoder()
    #expect(throws: Enough.self) { try decoder.decode(ZstdFrame.compress([1])) { _ in throw Enough() } }
  }
}
