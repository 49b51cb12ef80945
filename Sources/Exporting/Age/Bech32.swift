/// Text with a checksum that finds any four wrong characters (BIP 173), without its limit of 90.
enum Bech32 {
  private static let alphabet = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)
  private static let checksumCount = 6

  /// - Returns: `nil` unless it is well formed, in lower case, and its checksum is right.
  static func decode(_ text: String) -> (kind: String, bytes: [UInt8])? {
    let characters = Array(text.utf8)
    guard let separator = characters.lastIndex(of: UInt8(ascii: "1")), separator > 0,
      characters.allSatisfy({ (33...126).contains($0) && !(65...90).contains($0) })
    else { return nil }
    let kind = characters[..<separator]
    var values: [UInt8] = []
    for character in characters[(separator + 1)...] {
      guard let value = alphabet.firstIndex(of: character) else { return nil }
      values.append(UInt8(value))
    }
    let expanded = kind.map { $0 >> 5 } + [0] + kind.map { $0 & 31 }
    guard values.count >= checksumCount, checksum(expanded + values) == 1,
      let bytes = joined(values.dropLast(checksumCount))
    else { return nil }
    return (String(decoding: kind, as: UTF8.self), bytes)
  }

  private static func checksum(_ values: [UInt8]) -> UInt32 {
    let generator: [UInt32] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]
    var sum: UInt32 = 1
    for value in values {
      let top = sum >> 25
      sum = (sum & 0x1ff_ffff) << 5 ^ UInt32(value)
      for (place, factor) in generator.enumerated() where top >> UInt32(place) & 1 == 1 { sum ^= factor }
    }
    return sum
  }

  /// Groups of five bits as bytes; what is left over must be fewer than five bits, and zero.
  private static func joined(_ values: some Sequence<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var (pending, count): (UInt32, UInt32) = (0, 0)
    for value in values {
      pending = pending << 5 | UInt32(value)
      count += 5
      guard count >= 8 else { continue }
      count -= 8
      bytes.append(UInt8(truncatingIfNeeded: pending >> count))
      pending &= 1 << count - 1
    }
    return count < 5 && pending == 0 ? bytes : nil
  }
}
