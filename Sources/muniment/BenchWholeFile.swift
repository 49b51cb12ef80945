import Foundation

/// A program that makes one compressed file of everything: no keys, no reading of a part, no erasing without making it
/// all again.
struct WholeFile: Sendable {
  let name: String
  let bytes: Int
  let seconds: Double

  private static let programs: [(name: String, arguments: [String])] = [
    ("zstd_3", ["-3"]), ("zstd_19_long", ["-19", "--long=27"]),
  ]

  /// Those that are installed.
  static func all(_ path: String) throws -> [WholeFile] {
    guard let program = program("zstd") else { return [] }
    return try programs.map { name, arguments in
      let output = path + ".\(name)"
      let watch = Stopwatch()
      let process = Process()
      process.executableURL = URL(filePath: program)
      process.arguments = ["-q", "-f"] + arguments + [path, "-o", output]
      try process.run()
      process.waitUntilExit()
      guard process.terminationStatus == 0 else { throw BenchError("\(name) failed") }
      let seconds = watch.seconds
      defer { try? FileManager.default.removeItem(atPath: output) }
      let size = try FileManager.default.attributesOfItem(atPath: output)[.size] as? Int
      return WholeFile(name: name, bytes: size ?? 0, seconds: seconds)
    }
  }

  private static func program(_ name: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/\(name)" }.first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }
}
