import Foundation
import Glibc

/// A started command. Its output goes to files: a pipe that nobody reads would stop it.
final class Run {
  private let process = Process()
  private let directory: String
  private let words: [String]
  private let started = ContinuousClock.now

  /// - Parameter kibibytesMax: of any file it writes; more fails as it does on a full disk (setrlimit(2)).
  /// - Parameter fault: the place at which it ends itself as if it were killed (`FaultPoint`).
  init(
    _ words: [String], home: String, input: String? = nil, kibibytesMax: Int? = nil, fault: String? = nil
  ) throws {
    self.words = words
    directory = try Scratch.make("run")
    var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("MUNIMENT_") }
    environment["MUNIMENT_HOME"] = home
    environment["MUNIMENT_KILL_AT"] = fault
    process.environment = environment
    if let kibibytesMax {
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      let limited = "trap '' XFSZ; ulimit -f \(kibibytesMax); exec \"$0\" \"$@\""
      process.arguments = ["-c", limited, try Program.path()] + words
    } else {
      process.executableURL = URL(fileURLWithPath: try Program.path())
      process.arguments = words
    }
    process.currentDirectoryURL = URL(fileURLWithPath: "/tmp")
    for name in ["out", "err"] {
      guard FileManager.default.createFile(atPath: "\(directory)/\(name)", contents: nil) else {
        throw ScenarioError("cannot write in /tmp")
      }
    }
    process.standardOutput = FileHandle(forWritingAtPath: directory + "/out")
    process.standardError = FileHandle(forWritingAtPath: directory + "/err")
    try Data((input ?? "").utf8).write(to: URL(fileURLWithPath: directory + "/in"))
    process.standardInput = FileHandle(forReadingAtPath: directory + "/in")
    try process.run()
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  /// Waits for the end.
  func finish() throws -> Outcome {
    process.waitUntilExit()
    return Outcome(
      words: words, status: process.terminationReason == .exit ? process.terminationStatus : nil,
      output: try String(contentsOfFile: directory + "/out", encoding: .utf8),
      errors: try String(contentsOfFile: directory + "/err", encoding: .utf8),
      seconds: (ContinuousClock.now - started) / .seconds(1))
  }

  /// Kills it without warning once something is so, if it still runs then.
  func kill(when condition: () -> Bool) throws -> Outcome {
    while process.isRunning, !condition() { usleep(5_000) }
    Glibc.kill(process.processIdentifier, SIGKILL)
    return try finish()
  }

  /// Kills it without warning when the time is up, if it still runs then.
  func kill(afterSeconds seconds: Double) throws -> Outcome {
    // The moment is the point of the test, so it is waited for: nothing can be waited on instead.
    let end = started + .seconds(seconds)
    while process.isRunning, ContinuousClock.now < end { usleep(2_000) }
    Glibc.kill(process.processIdentifier, SIGKILL)
    return try finish()
  }
}

/// How a command ended.
struct Outcome {
  let words: [String]
  /// `nil`: killed.
  let status: Int32?
  let output: String
  let errors: String
  let seconds: Double

  var object: JSON { get throws { try JSON(parsing: output) } }
  var lines: [JSON] { get throws { try output.split(separator: "\n").map { try JSON(parsing: String($0)) } } }

  var failure: String {
    "\(words.joined(separator: " ")) → \(status.map(String.init) ?? "killed"): \(output.suffix(600))\(errors.suffix(600))"
  }
}
