import Foundation

/// SplitMix64 (Steele, Lea, Flood 2014): the same population again for the same seed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  let seed: UInt64

  /// From `MUNIMENT_SEED`, else a new one; printed, so that a failure can be repeated.
  static func announced(_ test: String = #function) -> SeededGenerator {
    let given = ProcessInfo.processInfo.environment["MUNIMENT_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64.max)
    print("\(test): MUNIMENT_SEED=\(seed)")
    return SeededGenerator(seed: seed)
  }

  init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
  }
}
