import Foundation
import Postgres
import TestSupport
import Testing

@testable import Runtime

@Suite("Embedded PostgreSQL")
struct EmbeddedPostgresTests {
  /// A home that its watcher removes when the test has released it.
  private func withHome(_ body: (String) async throws -> Void) async throws {
    let directory = try TestDatabase.temporaryHome()
    try await body(directory)
    // What a disposable server's watcher has removed already.
    try? FileManager.default.removeItem(atPath: directory)
  }

  private func answer(_ server: EmbeddedPostgres) async throws -> Int64 {
    let pool = PostgresPool(conninfo: server.conninfo, size: 1)
    defer { withExtendedLifetime(pool) {} }
    let pid = try await pool.transaction { tx in
      try tx.execute("SELECT 1").int64(0, 0)
    }
    await pool.close()
    return pid
  }

  /// Process id of the postmaster, nil if there is none.
  private func postmaster(_ home: String) -> pid_t? {
    let text = try? String(contentsOfFile: home + "/postgres/postmaster.pid", encoding: .utf8)
    return text?.split(separator: "\n").first.flatMap { pid_t($0) }
  }

  /// Polls a condition that others bring about; the limit is only for a failing test.
  private func eventually(
    _ condition: () async throws -> Bool, _ comment: Comment,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    for _ in 0..<1_500 {
      if try await condition() { return }
      try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record(comment, sourceLocation: sourceLocation)
  }

  private func isRunning(_ pid: pid_t) -> Bool {
    let line = try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)
    return line?.isEmpty == false
  }

  /// Another process that uses the server as far as its locks tell.
  private func otherUser(_ home: String) throws -> Process {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = [
      "-c", "exec 9<>\"$1\"; flock -s 9; echo; exec sleep 600", "sh", home + "/postgres.users.lock",
    ]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    _ = try output.fileHandleForReading.read(upToCount: 1)  // it has the lock
    return process
  }

  @Test("is made, answers, and stops with its last user")
  func lifeCycle() async throws {
    try await withHome { home in
      let first = try await EmbeddedPostgres.start(home: home, purpose: .disposable)
      let second = try await EmbeddedPostgres.start(home: home, purpose: .disposable)
      #expect(first.conninfo == second.conninfo)
      let pid = try #require(postmaster(home))
      await first.release()
      #expect(try await answer(second) == 1)
      #expect(postmaster(home) == pid)
      await second.release()
      try await eventually({ !isRunning(pid) }, "the server still runs")
      try await eventually({ !FileManager.default.fileExists(atPath: home) }, "the home was not removed")
    }
  }

  @Test("keeps its data from one start to the next, and answers who comes while it stops")
  func restarts() async throws {
    try await withHome { home in
      for round in 0..<3 {
        let server = try await EmbeddedPostgres.start(home: home, purpose: .service)
        let pool = PostgresPool(conninfo: server.conninfo, size: 1)
        let count = try await pool.transaction { tx in
          try tx.execute("CREATE TABLE IF NOT EXISTS round (n int8)")
          try tx.execute("INSERT INTO round VALUES ($1)", [.int8(Int64(round))])
          return try tx.execute("SELECT count(*) FROM round").int64(0, 0)
        }
        #expect(count == Int64(round + 1))
        await pool.close()
        await server.release()
      }
      try await cleanUp(home)
    }
  }

  @Test("started by many at once, it runs once")
  func atOnce() async throws {
    try await withHome { home in
      let servers = try await withThrowingTaskGroup(of: EmbeddedPostgres.self) { group in
        for _ in 0..<6 {
          group.addTask { try await EmbeddedPostgres.start(home: home, purpose: .disposable) }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(Set(servers.map(\.conninfo)).count == 1)
      for server in servers { #expect(try await answer(server) == 1) }
      #expect(try watchers(home) == 1)
      for server in servers { await server.release() }
      try await eventually({ !FileManager.default.fileExists(atPath: home) }, "the home was not removed")
    }
  }

  @Test("recovers when its postmaster was killed", arguments: [SIGKILL, SIGQUIT])
  func killed(_ signal: Int32) async throws {
    try await withHome { home in
      let server = try await EmbeddedPostgres.start(home: home, purpose: .disposable)
      let pid = try #require(postmaster(home))
      kill(pid, signal)
      try await eventually({ !isRunning(pid) }, "the postmaster did not die")
      try await server.restartIfStopped()
      #expect(try await answer(server) == 1)
      #expect(postmaster(home) != pid)
      let second = try await EmbeddedPostgres.start(home: home, purpose: .disposable)
      #expect(try await answer(second) == 1)
      #expect(try watchers(home) == 1)
      await server.release()
      await second.release()
      try await eventually({ !FileManager.default.fileExists(atPath: home) }, "the home was not removed")
    }
  }

  @Test("is not misled by a pid file whose process id belongs to someone else now")
  func stalePid() async throws {
    try await withHome { home in
      let server = try await EmbeddedPostgres.start(home: home, purpose: .service)
      let old = try #require(postmaster(home))
      kill(old, SIGKILL)
      try await eventually({ !isRunning(old) }, "the postmaster did not die")
      let file = home + "/postgres/postmaster.pid"
      let text = try String(contentsOfFile: file, encoding: .utf8)
      try text.replacingOccurrences(of: "\(old)\n", with: "\(getpid())\n")
        .write(toFile: file, atomically: false, encoding: .utf8)
      try await server.restartIfStopped()
      #expect(try await answer(server) == 1)
      await server.release()
      try await cleanUp(home)
    }
  }

  @Test("goes on from an initdb that was cut off")
  func halfMade() async throws {
    try await withHome { home in
      try FileManager.default.createDirectory(
        atPath: home + "/postgres.new/base", withIntermediateDirectories: true)
      let server = try await EmbeddedPostgres.start(home: home, purpose: .disposable)
      #expect(try await answer(server) == 1)
      #expect(!FileManager.default.fileExists(atPath: home + "/postgres.new"))
      await server.release()
      try await eventually({ !FileManager.default.fileExists(atPath: home) }, "the home was not removed")
    }
  }

  @Test("lives as long as another process uses it, and stops when that is killed")
  func otherProcess() async throws {
    try await withHome { home in
      let server = try await EmbeddedPostgres.start(home: home, purpose: .disposable)
      let other = try otherUser(home)
      let pid = try #require(postmaster(home))
      await server.release()
      let again = try await EmbeddedPostgres.start(home: home, purpose: .disposable)
      #expect(postmaster(home) == pid)
      await again.release()
      #expect(isRunning(pid))
      kill(other.processIdentifier, SIGKILL)
      other.waitUntilExit()
      try await eventually({ !isRunning(pid) }, "the server still runs")
      try await eventually({ !FileManager.default.fileExists(atPath: home) }, "the home was not removed")
    }
  }

  @Test("gets a new watcher when the old one was killed")
  func lostWatcher() async throws {
    try await withHome { home in
      let server = try await EmbeddedPostgres.start(home: home, purpose: .disposable)
      for pid in try watcherIDs(home) { kill(pid, SIGKILL) }
      try await eventually({ try watchers(home) == 0 }, "the watcher did not die")
      let second = try await EmbeddedPostgres.start(home: home, purpose: .disposable)
      #expect(try watchers(home) == 1)
      await server.release()
      await second.release()
      try await eventually({ !FileManager.default.fileExists(atPath: home) }, "the home was not removed")
    }
  }

  @Test("listens on no network and lets no one else near its socket")
  func isPrivate() async throws {
    try await withHome { home in
      let server = try await EmbeddedPostgres.start(home: home, purpose: .disposable)
      let pool = PostgresPool(conninfo: server.conninfo, size: 1)
      let (addresses, directory, role, encoding) = try await pool.transaction { tx in
        let rows = try tx.execute(
          """
          SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories'),
            current_user::text || '/' || current_database()::text, current_setting('server_encoding')
          """)
        return (rows.text(0, 0), rows.text(0, 1), rows.text(0, 2), rows.text(0, 3))
      }
      #expect(addresses == "")
      #expect(role == "muniment/muniment")
      #expect(encoding == "UTF8")
      let attributes = try FileManager.default.attributesOfItem(atPath: directory)
      #expect(attributes[.posixPermissions] as? Int == 0o700)
      await pool.close()
      await server.release()
      try await eventually({ !FileManager.default.fileExists(atPath: home) }, "the home was not removed")
    }
  }

  @Test("works below a directory whose path is too long for a socket")
  func deepHome() async throws {
    try await withHome { home in
      let deep = home + "/" + String(repeating: "long'ish name/", count: 12) + "home"
      let server = try await EmbeddedPostgres.start(home: deep, purpose: .disposable)
      #expect(try await answer(server) == 1)
      await server.release()
      try await eventually({ !FileManager.default.fileExists(atPath: deep) }, "the home was not removed")
    }
  }

  @Test("says which directory its account may not search", .enabled(if: geteuid() == 0))
  func closedParent() async throws {
    let parent = try TestDatabase.temporaryHome()
    chmod(parent, 0o700)
    defer { try? FileManager.default.removeItem(atPath: parent) }
    let error = await #expect(throws: EmbeddedPostgresError.self) {
      _ = try await EmbeddedPostgres.start(home: parent + "/home", purpose: .disposable)
    }
    #expect(error?.code == .unusableDirectory)
    #expect(error?.nextStep.contains("chmod o+x \(parent)") == true)
  }

  @Test("leaves a directory alone that is no cluster")
  func foreign() async throws {
    let parent = try TestDatabase.temporaryHome()
    defer { try? FileManager.default.removeItem(atPath: parent) }
    try FileManager.default.createDirectory(atPath: parent + "/postgres", withIntermediateDirectories: true)
    try "keep".write(toFile: parent + "/postgres/file", atomically: true, encoding: .utf8)
    await #expect(throws: EmbeddedPostgresError.self) {
      _ = try await EmbeddedPostgres.start(home: parent, purpose: .disposable)
    }
    #expect(FileManager.default.fileExists(atPath: parent + "/postgres/file"))
  }

  private func watchers(_ home: String) throws -> Int { try watcherIDs(home).count }

  /// The watcher's shell; what it waits in (`flock`) is a child with another command line.
  private func watcherIDs(_ home: String) throws -> [pid_t] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }.filter {
      let line = (try? String(contentsOfFile: "/proc/\($0)/cmdline", encoding: .utf8)) ?? ""
      return line.contains("muniment-postgres-watcher") && line.contains(home + "/postgres.users.lock")
    }
  }

  /// For homes that outlive their watcher: a last, disposable use.
  private func cleanUp(_ home: String) async throws {
    try await eventually({ try watchers(home) == 0 }, "the watcher did not end")
  }
}
