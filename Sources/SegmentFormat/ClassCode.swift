import Model

/// A code for the sizes of numbers: short words for frequent sizes. Canonical, so that the lengths of words say all:
/// they are counted up in the order of lengths, then of symbols (RFC 1951, 3.2.2).
struct ClassCode {
  /// By symbol: the word with its first bit lowest, and how long it is.
  private let words: [(bits: UInt64, length: Int)]
  /// Words of each length.
  private let counts: [Int]
  /// In the order of their words.
  private let symbols: [Int]

  /// The last symbol stands for numbers that have none.
  var escape: Int { words.count - 1 }

  private static let lengthMax = 12

  /// - Parameter lengths: a hexadecimal digit a symbol.
  init(_ lengths: String) {
    let lengths = lengths.map { $0.hexDigitValue ?? 0 }
    var counts = [Int](repeating: 0, count: Self.lengthMax + 1)
    for length in lengths { counts[length] += 1 }
    symbols = lengths.indices.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
    var words = [(bits: UInt64, length: Int)](repeating: (0, 0), count: lengths.count)
    var word: UInt64 = 0
    var last = 0
    for symbol in symbols {
      word <<= UInt64(lengths[symbol] - last)
      last = lengths[symbol]
      words[symbol] = (Self.reversed(word, last), last)
      word += 1
    }
    self.words = words
    self.counts = counts
  }

  private static func reversed(_ word: UInt64, _ length: Int) -> UInt64 {
    (0..<length).reduce(0) { $0 << 1 | (word >> UInt64($1)) & 1 }
  }

  func write(_ symbol: Int, to bits: inout BitWriter) {
    bits.write(words[symbol].bits, bits: words[symbol].length)
  }

  func read(from bits: inout BitReader) throws(MalformedBytes) -> Int {
    var (word, first, index) = (0, 0, 0)
    for length in 1...Self.lengthMax {
      word |= Int(try bits.read(1))
      let count = counts[length]
      if word - first < count { return symbols[index + word - first] }
      index += count
      first = (first + count) << 1
      word <<= 1
    }
    throw MalformedBytes("word of no size")
  }
}

/// How times and sequences of a lane are coded; frozen with the format. The lengths were counted over four corpora,
/// each of the same weight.
enum PositionCode {
  /// By unit: symbols are the bits of the distance in it.
  static let times = [
    "5bbbbbb9bbbbbbbbbbba89897665544555445444335b", "6cccbbba9997654223556667776666668ccccccccccc",
    "6764333334556666656997bbbbbbbbbbbbbbbbbbbbaa", "2224556567788767ccccccccccccccccccccccccbbbb",
  ].map { ClassCode($0) }
  /// By how many bits more the time has than the block takes a message, at most 4.
  static let sequences = [
    "12345679cccccccccccccccccccccccc", "4133445679ccccccccccccccccccccbb",
    "4133445679ccccccccccccccccccccbb", "51333566679ccccccccccccccccccbbb",
    "ccbbba8754222456678accccccccbbbb",
  ].map { ClassCode($0) }
  /// Of the last code for sequences: what its symbols are more than the bits they stand for.
  static let shift = 8
}

/// What the positions in a block's lanes are told from.
struct BlockOrigin {
  /// The period's.
  let start: Int64
  let first: MessagePosition
  /// Bits of the time that passes from one sequence to the next, less one.
  let pace: Int
  /// Messages of the block.
  let count: Int

  static let paceMax = 63

  /// How far back a reference in the block reaches: none, or a message's number from 1.
  var referenceBits: Int { UInt64(count).bitLength }

  init(period: Period, first: MessagePosition, pace: Int, count: Int) {
    start = period.start.microseconds
    (self.first, self.pace, self.count) = (first, pace, count)
  }

  /// As a writer chooses the pace: that of the whole block.
  init(period: Period, _ first: MessagePosition, _ last: MessagePosition, count: Int) {
    let time = UInt64(bitPattern: last.createdAt.microseconds &- first.createdAt.microseconds)
    let steps = last.sequence > first.sequence ? UInt64(bitPattern: last.sequence &- first.sequence) : 1
    self.init(period: period, first: first, pace: max(0, (time / steps).bitLength - 1), count: count)
  }

  /// Which code a sequence has that lies `time` microseconds after the one before, and what its symbols are more than
  /// the bits of the step.
  func sequenceCode(after time: UInt64) -> (code: ClassCode, shift: Int) {
    let excess = max(0, time.bitLength - pace)
    let last = PositionCode.sequences.count - 1
    guard excess >= last else { return (PositionCode.sequences[excess], 0) }
    return (PositionCode.sequences[last], PositionCode.shift - (excess - last))
  }
}
