import FoundationEssentials
import Glibc
package import Postgres
import Runtime

/// A database of a test's own, in one private PostgreSQL cluster per test run.
///
/// The first `make` starts the cluster (without fsync, in a directory under /tmp). It is stopped and removed
/// when the test process ends, however it ends: `EmbeddedPostgres` leaves a watcher behind that waits for
/// that.
package struct TestDatabase: Sendable {
  package let conninfo: String
  package let pool: PostgresPool

  /// `Schemas/sql` of this repository.
  package static let schema: String = {
    // Tests/TestSupport/TestDatabase.swift, with links resolved, as a checkout may be built through one.
    let file = realPath(#filePath)
    return file.split(separator: "/").dropLast(3).map { "/\($0)" }.joined() + "/Schemas/sql"
  }()

  /// - Parameters:
  ///   - directory: its `*.sql` files are applied in the order of their names, once per run, to a template.
  ///   - poolSize: connections of `pool`; the cluster has 400 for all tests together.
  package static func make(
    migrationsFrom directory: String? = nil, poolSize: Int = 4
  ) async throws -> TestDatabase {
    let conninfo = try await TestCluster.shared.database(from: directory)
    return TestDatabase(
      conninfo: conninfo, pool: PostgresPool(conninfo: conninfo, size: poolSize, applicationName: "test"))
  }

  /// A new directory directly under /tmp that every account may search, which a server's files need.
  package static func temporaryHome() throws -> String {
    var template = Array("/tmp/muniment-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw TestDatabaseError(reason: "no temporary directory: errno \(errno)")
    }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    chmod(path, 0o711)
    return path
  }

  private static func realPath(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}

package struct TestDatabaseError: Error {
  package let reason: String
}

/// The cluster of this run and its templates.
private actor TestCluster {
  static let shared = TestCluster()

  private var server: Task<EmbeddedPostgres, any Error>?
  private var templates: [String: Task<String, any Error>] = [:]
  private var count = 0

  func database(from directory: String?) async throws -> String {
    let server = try await started()
    let template = try await template(for: directory, on: server)
    count += 1
    return try await create("test_\(count)", from: template, on: server)
  }

  /// Tasks, not values: whoever comes second waits for the first one's work.
  private func started() async throws -> EmbeddedPostgres {
    let task =
      server
      ?? Task { try await EmbeddedPostgres.start(home: TestDatabase.temporaryHome(), purpose: .disposable) }
    server = task
    return try await task.value
  }

  private func template(for directory: String?, on server: EmbeddedPostgres) async throws -> String {
    guard let directory else { return "template1" }
    let name = "schema_\(templates.count)"
    let task = templates[directory] ?? Task { try await self.migrate(name, with: directory, on: server) }
    templates[directory] = task
    return try await task.value
  }

  private func migrate(_ name: String, with directory: String, on server: EmbeddedPostgres) async throws
    -> String
  {
    let scripts = try FileManager.default.contentsOfDirectory(atPath: directory).filter {
      $0.hasSuffix(".sql")
    }
    .sorted().map { try String(contentsOfFile: "\(directory)/\($0)", encoding: .utf8) }
    let pool = PostgresPool(conninfo: try await create(name, from: "template1", on: server), size: 1)
    try await pool.transaction { tx in
      for script in scripts { try tx.executeScript(script) }
    }
    // A database with users cannot be copied.
    await pool.close()
    return name
  }

  private func create(_ name: String, from template: String, on server: EmbeddedPostgres) async throws
    -> String
  {
    let pool = PostgresPool(conninfo: server.conninfo, size: 1)
    do {
      try await pool.executeAlone("CREATE DATABASE \(name) TEMPLATE \(template)")
    } catch {
      await pool.close()
      throw error
    }
    await pool.close()
    // A later keyword wins over an earlier one.
    return server.conninfo + " dbname=\(name)"
  }
}
