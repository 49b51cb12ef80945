import Foundation
import Testing

/// `Tests/Compatibility/segment_v1.py`, which shares no code with the product.
enum SecondReader {
  private static let script = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Compatibility/segment_v1.py").path

  static var isInstalled: Bool { (try? python(["-c", "import nacl, zstandard"]).status) == 0 }

  /// What it prints of a segment.
  static func read(_ segment: [UInt8], keys: Data) throws -> [FrozenLine] {
    let directory = FileManager.default.temporaryDirectory.appending(path: "segment-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let files = ["segment", "keys.json"].map { directory.appending(path: $0) }
    try Data(segment).write(to: files[0])
    try keys.write(to: files[1])
    let result = try python([script, files[0].path, files[1].path])
    try #require(result.status == 0, "\(String(decoding: result.output.suffix(200), as: UTF8.self))")
    return try FrozenLine.lines(result.output)
  }

  private static func python(_ words: [String]) throws -> (status: Int32, output: Data) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/python3")
    // No compiled files beside the sources.
    process.arguments = ["-B"] + words
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }
}
