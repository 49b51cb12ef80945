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
    throw ScenarioError(
      "no `muniment` beside the tests; `swift build --product muniment`, or set MUNIMENT_BINARY")
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
