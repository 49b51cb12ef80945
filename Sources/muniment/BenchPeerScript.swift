import Foundation

/// A Python script that runs one peer and answers in JSON.
struct PeerScript: Sendable {
  let path: String
  let python: String

  enum Outcome {
    case answer(Data)
    /// Why it could not be run.
    case skipped(String)
  }

  /// To its end. Blocks. The last word is the peer.
  func run(_ words: [String]) throws -> Outcome {
    guard FileManager.default.isReadableFile(atPath: path) else {
      return .skipped("the script \(path) is not there; run in the sources or name it by --peers-script")
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [python, path] + words
    let output = Pipe()
    process.standardOutput = output
    do {
      try process.run()
    } catch {
      return .skipped("\(python) cannot be started")
    }
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    switch process.terminationStatus {
    case 0: return .answer(bytes)
    case 127: return .skipped("\(python) cannot be started")
    default: throw BenchError("the script of \(words.last ?? "a peer") failed; it says why above")
    }
  }
}
