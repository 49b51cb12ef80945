import FoundationEssentials

/// Files that are part of the contract, found from where this test lies in the repository.
enum Schemas {
  static let root: String = {
    var path = #filePath.split(separator: "/").dropLast(3)
    path.append("Schemas")
    return "/" + path.joined(separator: "/")
  }()

  static func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: root + "/" + path)))
  }

  static func lines(_ path: String) throws -> [[UInt8]] {
    try bytes(path).split(separator: 0x0A).map(Array.init)
  }

  static func names(in folder: String, suffix: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: root + "/" + folder)
      .filter { $0.hasSuffix(suffix) }.sorted()
  }
}

/// A source of repeatable chance (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}

extension String {
  var bytes: [UInt8] { Array(utf8) }
}
