import Testing
import Zlib

@Suite struct GzipDecoderTests {

  /// A member with one stored block (RFC 1952 §2.3, RFC 1951 §3.2.4), so that tests need no compressor.
  private static func member(_ text: [UInt8]) -> [UInt8] {
    func little(_ value: UInt32, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
    let length = UInt32(text.count)
    return [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1] + little(length, 2) + little(~length, 2) + text
      + little(checksum(text), 4) + little(length, 4)
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
  }

  private static func decode(_ input: [UInt8], by step: Int) throws -> [UInt8] {
    var decoder = GzipDecoder()
    var output: [UInt8] = []
    for start in stride(from: 0, to: input.count, by: step) {
      try decoder.decode(Array(input[start..<min(start + step, input.count)])) { output += $0 }
      try decoder.decode([]) { output += $0 }
    }
    try decoder.finish()
    return output
  }

  @Test func membersFollowOneAnotherAndZerosMayFillTheEnd() throws {
    let file = Self.member(Array("one ".utf8)) + Self.member([]) + Self.member(Array("two".utf8)) + [0, 0, 0]
    for step in 1...file.count { #expect(try Self.decode(file, by: step) == Array("one two".utf8)) }
  }

  @Test func aLargeMemberComesInBoundedPieces() throws {
    let bytes = (0..<60_000).map { UInt8(truncatingIfNeeded: $0) }
    let file = (0..<5).flatMap { _ in Self.member(bytes) }
    #expect(try Self.decode(file, by: 1 << 20) == (0..<5).flatMap { _ in bytes })
  }

  @Test func aCutFileIsNoticedAtTheEnd() {
    let file = Self.member(Array("one two three".utf8))
    for length in file.indices {
      #expect(throws: ZlibError(.truncated), "\(length) bytes") {
        try Self.decode(Array(file.prefix(length)), by: 3)
      }
    }
  }

  @Test func aWrongChecksumOrLengthIsRefused() {
    let file = Self.member(Array("one two three".utf8))
    for index in file.count - 8..<file.count {
      var damaged = file
      damaged[index] ^= 1
      #expect(throws: ZlibError(.corrupt)) { try Self.decode(damaged, by: 64) }
    }
  }

  @Test func whatFollowsTheLastMemberMustBeAMemberOrZeros() {
    for rest in [Array("text".utf8), [0, 1], [0] + Self.member([1])] {
      #expect(throws: ZlibError(.corrupt)) { try Self.decode(Self.member([1]) + rest, by: 64) }
    }
  }

  /// zlib's own wrapping (RFC 1950) and plain text are not gzip.
  @Test func whatIsNoGzipIsRefused() {
    #expect(throws: ZlibError(.corrupt)) { try Self.decode([0x78, 0x9C, 0x03, 0, 0, 0, 0, 1], by: 64) }
    #expect(throws: ZlibError(.corrupt)) { try Self.decode(Array("plain text".utf8), by: 64) }
  }
}
