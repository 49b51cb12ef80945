/// Collects the tokens of one text: each distinct one once, and the order of the words.
struct TokenSink {
  private var bytes: [UInt8] = []
  /// Where each distinct token ends in `bytes`.
  private var ends: [UInt32] = []
  private var words: [UInt16] = []
  /// Open addressing over token numbers + 1; 0 is free.
  private var slots: [UInt16]
  private var hashes: [UInt32] = []
  private let distinctMax: Int
  private(set) var isFull = false

  /// UTF-8 bytes of a token; longer ones are dropped.
  static let tokenBytesMax = 64
  /// Words in text order that are kept.
  static let wordsMax = 4_096

  init(distinctMax: Int) {
    self.distinctMax = distinctMax
    var capacity = 64
    while capacity < distinctMax * 2 { capacity *= 2 }
    slots = [UInt16](repeating: 0, count: capacity)
    bytes.reserveCapacity(256)
    ends.reserveCapacity(32)
    hashes.reserveCapacity(32)
    words.reserveCapacity(32)
  }

  /// Adds a token; `isWord` puts it also into the order of words. Nothing happens once the sink is full.
  mutating func add(_ scalars: ArraySlice<ClassedScalar>, isWord: Bool) {
    guard !isFull else { return }
    let start = bytes.count
    guard let hash = append(scalars) else {
      bytes.removeSubrange(start...)
      return
    }
    guard let number = intern(from: start, hash) else {
      bytes.removeSubrange(start...)
      isFull = true
      return
    }
    guard isWord else { return }
    if words.count == Self.wordsMax { isFull = true } else { words.append(number) }
  }

  /// Appends the UTF-8 of `scalars` and returns its FNV-1a hash; `nil` when too long.
  private mutating func append(_ scalars: ArraySlice<ClassedScalar>) -> UInt32? {
    let start = bytes.count
    for classed in scalars {
      // Typists and keyboards differ in the apostrophe they make.
      let scalar = classed.scalar == 0x2019 ? 0x27 : classed.scalar
      if scalar < 0x80 {
        bytes.append(UInt8(scalar))
      } else if let valid = Unicode.Scalar(scalar) {
        for byte in UTF8.encode(valid)! { bytes.append(byte) }
      }
      if bytes.count - start > Self.tokenBytesMax { return nil }
    }
    var hash: UInt32 = 2_166_136_261
    for index in start..<bytes.count { hash = (hash ^ UInt32(bytes[index])) &* 16_777_619 }
    return hash
  }

  /// The number of the token at the end of `bytes`, new or known; `nil` when there is no room for a new one.
  private mutating func intern(from start: Int, _ hash: UInt32) -> UInt16? {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash ^ hash >> 15) & mask
    while slots[slot] != 0 {
      let number = Int(slots[slot]) - 1
      if hashes[number] == hash, isSame(number, start) {
        bytes.removeSubrange(start...)
        return UInt16(number)
      }
      slot = (slot + 1) & mask
    }
    guard ends.count < distinctMax else { return nil }
    ends.append(UInt32(bytes.count))
    hashes.append(hash)
    slots[slot] = UInt16(ends.count)
    return UInt16(ends.count - 1)
  }

  private func isSame(_ number: Int, _ start: Int) -> Bool {
    let known = (number == 0 ? 0 : Int(ends[number - 1]))..<Int(ends[number])
    guard known.count == bytes.count - start else { return false }
    for offset in 0..<known.count where bytes[known.lowerBound + offset] != bytes[start + offset] {
      return false
    }
    return true
  }

  consuming func finish(flags: [String], isCut: Bool) -> TokenizedText {
    TokenizedText(bytes: bytes, ends: ends, words: words, flags: flags, isTruncated: isFull || isCut)
  }
}
