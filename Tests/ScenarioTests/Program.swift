import Foundation
import Glibc

/// The executable under test, run as a user runs it: a process, its arguments, its exit status.
enum Program {
  /// `MUNIMENT_BINARY`, or the one built beside the test bundle.
  static func path() throws -> String {
    if let named = ProcessInfo.processInfo.environment["MUNIMENT_BINARY"] { return named }
    var directory = Bundle.main.bundleURL
    for _ in 0..<4 {
      let candidate = directory.appendingPathComponent("muniment").path
      if access(candidate, X_OK) == 0, !isDirectory(candidate) { return candidate }
      directory.deleteLastPathComponent()
    }
    throw ScenarioError("no `muniment` beside the tests; `swift build --product muniment`, or set MUNIMENT_BINARY")
  }

  private static func isDirectory(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
  }

  /// Whether the long form was asked for.
  static var isSlow: Bool { ProcessInfo.processInfo.environment["MUNIMENT_SLOW_TESTS"] == "1" }
}

struct ScenarioError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// A started command. Its output goes to files: a pipe that nobody reads would stop it.
final class Run {
  private let process = Process()
  private let directory: String
  private let words: [String]
  private let started = ContinuousClock.now

  init(_ words: [String], home: String, input: String? = nil) throws {
    self.words = words
    directory = try Scratch.make("run")
    var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("MUNIMENT_") }
    environment["MUNIMENT_HOME"] = home
    process.environment = environment
    process.executableURL = URL(fileURLWithPath: try Program.path())
    process.arguments = words
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

  var failure: String { "\(words.joined(separator: " ")) → \(status.map(String.init) ?? "killed"): \(output.suffix(600))\(errors.suffix(600))" }
}

/// A JSON value that can be compared and printed.
struct JSON: Hashable, CustomStringConvertible {
  /// With sorted keys.
  let description: String

  init(parsing text: String) throws {
    guard let value = try? JSONSerialization.jsonObject(with: Data(text.utf8), options: [.fragmentsAllowed]) else {
      throw ScenarioError("not JSON: \(text.prefix(300))")
    }
    self.init(value)
  }

  private init(_ value: Any) {
    let data = try? JSONSerialization.data(
      withJSONObject: value, options: [.sortedKeys, .fragmentsAllowed, .withoutEscapingSlashes])
    description = data.map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }

  private var value: Any? {
    try? JSONSerialization.jsonObject(with: Data(description.utf8), options: [.fragmentsAllowed])
  }

  subscript(key: String) -> JSON? {
    guard let member = (value as? [String: Any])?[key], !(member is NSNull) else { return nil }
    return JSON(member)
  }

  var text: String? { value as? String }
  var number: Int? { value as? Int }
  var isTrue: Bool { value as? Bool ?? false }
  var elements: [JSON] { (value as? [Any] ?? []).map { JSON($0) } }

  func without(_ key: String) -> JSON {
    guard var members = value as? [String: Any] else { return self }
    members[key] = nil
    return JSON(members)
  }
}
