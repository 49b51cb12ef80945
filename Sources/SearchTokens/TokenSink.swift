/// Collects the tokens of one text: each distinct one once, and the order of the words.
struct TokenSink {
  private var bytes: [UInt8] = []
  /// Where each distinct token ends in `bytes`.
  private var ends: [UInt32] = []
  private var words: [UInt16] = []
  /// Words as written, beside `words` without accents; for queries only.
  private(set) var exact: [UInt16] = []
  private let recordsExact: Bool
  /// Open addressing over token numbers + 1; 0 is free.
  private var slots: [UInt16]
  private var hashes: [UInt32] = []
  private let distinctMax: Int
  private(set) var isFull = false

  /// UTF-8 bytes of a token; longer ones are dropped.
  static let tokenBytesMax = 64
  /// Words in text order that are kept.
  static let wordsMax = 4_096

  init(distinctMax: Int, recordsExact: Bool = false) {
    self.distinctMax = distinctMax
    self.recordsExact = recordsExact
    var capacity = 64
    while capacity < distinctMax * 2, capacity < Self.slotsAtFirst { capacity *= 2 }
    slots = [UInt16](repeating: 0, count: capacity)
    bytes.reserveCapacity(256)
    ends.reserveCapacity(32)
    hashes.reserveCapacity(32)
    words.reserveCapacity(32)
  }

  private static let slotsAtFirst = 128

  /// Adds a token and, where it has accents, the same without. `isWord` puts the form without them into the
  /// order of words. Nothing happens once the sink is full.
  mutating func add(_ scalars: ArraySlice<ClassedScalar>, isWord: Bool) {
    guard !isFull else { return }
    let start = bytes.count
    var isAccented = false
    guard let written = number(from: start, fits: append(scalars, &isAccented)) else { return }
    var plain = written
    if isAccented {
      let second = bytes.count
      guard let number = number(from: second, fits: appendPlain(scalars)) else { return }
      plain = number
    }
    guard isWord else { return }
    if words.count == Self.wordsMax {
      isFull = true
    } else {
      words.append(plain)
      if recordsExact { exact.append(written) }
    }
  }

  /// Adds `sign` and what stands behind it, without accents, as a token outside the order of words.
  /// - Returns: the token's number; `nil` when it is too long or there is no room.
  @discardableResult
  mutating func addEntity(_ sign: UInt8? = nil, _ scalars: ArraySlice<ClassedScalar>) -> UInt16? {
    guard !isFull else { return nil }
    let start = bytes.count
    if let sign { bytes.append(sign) }
    return number(from: start, fits: appendPlain(scalars, from: start))
  }

  /// The text of a token added before.
  func text(_ number: UInt16) -> String {
    let range = range(Int(number))
    return String(decoding: bytes[range], as: UTF8.self)
  }

  private func range(_ number: Int) -> Range<Int> {
    (number == 0 ? 0 : Int(ends[number - 1]))..<Int(ends[number])
  }

  /// Appends the UTF-8 of `scalars`; false when too long.
  private mutating func append(_ scalars: ArraySlice<ClassedScalar>, _ isAccented: inout Bool) -> Bool {
    let start = bytes.count
    var accents = false
    for classed in scalars {
      append(classed.scalar)
      accents = accents || classed.isAccented
      if bytes.count - start > Self.tokenBytesMax { return false }
    }
    isAccented = accents
    return true
  }

  private mutating func appendPlain(_ scalars: ArraySlice<ClassedScalar>, from first: Int? = nil) -> Bool {
    let start = first ?? bytes.count
    for classed in scalars {
      switch classed.isAccented ? PlainLetters.shared[classed.scalar] : 0 {
      case 0: append(classed.scalar)
      case PlainLetters.removed: break
      case let letters:
        append(letters & 0xFFFF)
        if letters >> 16 != 0 { append(letters >> 16) }
      }
      if bytes.count - start > Self.tokenBytesMax { return false }
    }
    return bytes.count > start
  }

  @inline(__always)
  private mutating func append(_ scalar: UInt32) {
    if scalar < 0x80 {
      bytes.append(UInt8(scalar))
    } else if scalar == 0x2019 {
      bytes.append(0x27)  // typists and keyboards differ in the apostrophe they make
    } else if let valid = Unicode.Scalar(scalar) {
      for byte in UTF8.encode(valid)! { bytes.append(byte) }
    }
  }

  /// The number of the token at the end of `bytes`, which is taken away again when it does not fit, is known,
  /// or when there is no room for a new one.
  private mutating func number(from start: Int, fits: Bool) -> UInt16? {
    guard fits else {
      bytes.removeSubrange(start...)
      return nil
    }
    if let number = intern(from: start) { return number }
    bytes.removeSubrange(start...)
    isFull = true
    return nil
  }

  /// `nil` when there is no room. FNV-1a.
  private mutating func intern(from start: Int) -> UInt16? {
    var hash: UInt32 = 2_166_136_261
    for index in start..<bytes.count { hash = (hash ^ UInt32(bytes[index])) &* 16_777_619 }
    let mask = slots.count - 1
    var slot = Self.first(hash, mask)
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
    if ends.count * 2 > slots.count { grow() }
    return UInt16(ends.count - 1)
  }

  private static func first(_ hash: UInt32, _ mask: Int) -> Int {
    Int(truncatingIfNeeded: hash ^ hash >> 15) & mask
  }

  private mutating func grow() {
    let mask = slots.count * 2 - 1
    slots = [UInt16](repeating: 0, count: mask + 1)
    for number in hashes.indices {
      var slot = Self.first(hashes[number], mask)
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt16(number + 1)
    }
  }

  private func isSame(_ number: Int, _ start: Int) -> Bool {
    let known = range(number)
    guard known.count == bytes.count - start else { return false }
    for offset in 0..<known.count where bytes[known.lowerBound + offset] != bytes[start + offset] {
      return false
    }
    return true
  }

  consuming func finish(flags: [String], isCut: Bool) -> TokenizedText {
    let isTruncated = isFull || isCut
    return TokenizedText(
      bytes: bytes, ends: ends, words: words, flags: flags + (isTruncated ? ["truncated"] : []),
      isTruncated: isTruncated)
  }
}
