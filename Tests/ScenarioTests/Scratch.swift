import Foundation
import Glibc

/// Directories under /tmp which the embedded database's account may search.
enum Scratch {
  static func make(_ name: String) throws -> String {
    var template = Array("/tmp/muniment-scenario-\(name)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ScenarioError("no temporary directory: errno \(errno)") }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    chmod(path, 0o711)
    return path
  }
}

/// Says something at once: standard output may be buffered until the end.
func note(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }

/// Random numbers that a printed seed gives again.
struct SeededGenerator: RandomNumberGenerator {
  let seed: UInt64
  private var state: UInt64

  /// From `MUNIMENT_SEED`, or new; printed, so that a failure can be had again.
  init(_ scenario: String) {
    let named = ProcessInfo.processInfo.environment["MUNIMENT_SEED"].flatMap { UInt64($0) }
    self.init(seed: named ?? UInt64.random(in: 0...UInt64(UInt32.max)))
    note("scenario \(scenario): MUNIMENT_SEED=\(seed)")
  }

  init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// Looks for texts in all files of a directory, byte by byte.
enum FileScan {
  /// Paths of files, and which of the texts they hold.
  static func files(of directory: String, holding texts: [String]) throws -> [String] {
    let markers = texts.map { Data($0.utf8) }.filter { $0.count >= 8 }
    let byStart = Dictionary(grouping: markers) { word(Array($0.prefix(8)), 0) }
    guard let walk = FileManager.default.enumerator(atPath: directory) else { return [] }
    var found: [String] = []
    for case let path as String in walk {
      guard let data = FileManager.default.contents(atPath: "\(directory)/\(path)"), data.count >= 8 else {
        continue
      }
      if let text = first(byStart, in: [UInt8](data)) { found.append("\(path): \(text)") }
    }
    return found
  }

  private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
    (0..<8).reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[offset + $1]) }
  }

  private static func first(_ markers: [UInt64: [Data]], in bytes: [UInt8]) -> String? {
    var current = word(bytes, 0)
    for end in 8...bytes.count {
      if let candidates = markers[current] {
        let rest = bytes[(end - 8)...]
        if let marker = candidates.first(where: { rest.starts(with: $0) }) {
          return String(decoding: marker, as: UTF8.self)
        }
      }
      if end < bytes.count { current = current << 8 | UInt64(bytes[end]) }
    }
    return nil
  }
}
