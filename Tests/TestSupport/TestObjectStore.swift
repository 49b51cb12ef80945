import Foundation
import Glibc

/// A real S3 server (Ceph's radosgw), one per test run, started by the first who asks. It ends with the test process.
package struct TestObjectStore: Sendable {
  package let endpoint: String
  package static let accessKeyID = "muniment"
  package static let secretAccessKey = "muniment-secret"
  package static let plainBucket = "plain"
  /// Has object lock, and with it versions.
  package static let lockedBucket = "locked"

  /// Whether its programs are installed; tests that need it are skipped where they are not.
  package static let isInstalled = ["radosgw", "ceph-mon", "ceph-mgr", "ceph-osd", "ceph"].allSatisfy {
    access("/usr/bin/" + $0, X_OK) == 0
  }

  package static func started() async throws -> TestObjectStore { try await server.value }

  private static let server = Task { try await start() }

  /// Held for as long as this process lives: the server ends when its standard input does.
  private static let input = Pipe()

  private static func start() async throws -> TestObjectStore {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: script)
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    // Blocks until the first line is there, or the end.
    let text = await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          returning: String(decoding: output.fileHandleForReading.availableData, as: UTF8.self))
      }
    }
    guard text.hasPrefix("ready "), let port = Int(text.dropFirst(6).prefix { $0.isNumber }) else {
      throw TestObjectStoreError(reason: "radosgw did not start; what it said is above")
    }
    return TestObjectStore(endpoint: "http://127.0.0.1:\(port)")
  }

  private static let script = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Compatibility/radosgw").path
}

package struct TestObjectStoreError: Error {
  package let reason: String
}
