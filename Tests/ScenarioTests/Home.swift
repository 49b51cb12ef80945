import Foundation
import Glibc
import Testing

/// A muniment home of a test's own, removed with the last reference to it.
final class Home {
  let path: String
  private var keepingServer: Int32 = -1
  /// How long the shortest command takes here and now: the unit in which kills are timed.
  private(set) var startSeconds = 1.0

  /// - Parameter settings: lines of `muniment.yaml`.
  init(settings: String = "", initialise: [String] = ["--second-person", "off"]) throws {
    path = try Scratch.make("home")
    if !settings.isEmpty {
      try settings.write(toFile: path + "/muniment.yaml", atomically: true, encoding: .utf8)
    }
    // As another user of the server would: it is not started and stopped for every command then. Commands that
    // are killed are killed all the same.
    keepingServer = open(path + "/postgres.users.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    flock(keepingServer, LOCK_SH)
    let made = try run(["init"] + initialise)
    guard made.status == 0 else { throw ScenarioError(made.failure) }
    startSeconds = try done(["index", "status"]).seconds
  }

  deinit {
    close(keepingServer)
    // The watcher holds this lock until the server is down.
    let watch = open(path + "/postgres.watch.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    flock(watch, LOCK_EX)
    close(watch)
    try? FileManager.default.removeItem(atPath: path)
  }

  func start(_ words: [String]) throws -> Run { try Run(words, home: path) }

  /// Runs to the end, whatever that is.
  @discardableResult
  func run(_ words: [String]) throws -> Outcome { try start(words + ["--json"]).finish() }

  /// Runs and expects an exit status.
  @discardableResult
  func done(_ words: [String], status: Int32 = 0, at location: SourceLocation = #_sourceLocation) throws
    -> Outcome
  {
    let outcome = try run(words)
    #expect(outcome.status == status, "\(outcome.failure)", sourceLocation: location)
    return outcome
  }

  /// Kills the command at random moments, then lets it run to its end; returns that run, and how many were hit.
  @discardableResult
  func torment(
    _ words: [String], kills: Int, status: Int32 = 0, _ random: inout SeededGenerator,
    between check: () throws -> Void = {}, at location: SourceLocation = #_sourceLocation
  ) throws -> Outcome {
    var hit = 0
    // How long the command runs is not known beforehand: longer than it was let run, until it once comes through.
    var span = 2 * startSeconds
    // A command may come through before its moment; then another try takes its place, up to a bound.
    var tries = 0
    while hit < kills, tries < 3 * kills {
      tries += 1
      let outcome = try start(words + ["--json"])
        .kill(afterSeconds: span * Double.random(in: 0.15...1.05, using: &random))
      if outcome.status == nil { hit += 1 }
      span = outcome.status == nil ? span * 1.3 : max(outcome.seconds, 0.05)
      try check()
    }
    note("  \(words.prefix(2).joined(separator: " ")): killed \(hit) times in \(tries) tries")
    // A lease of a killed holder lasts until it runs out.
    var last = try run(words)
    let limit = ContinuousClock.now + .seconds(90)
    while last.status == 75, ContinuousClock.now < limit {
      usleep(500_000)
      last = try run(words)
    }
    #expect(last.status == status, "\(last.failure)", sourceLocation: location)
    return last
  }

  /// Kills this home's database server without warning.
  func killServer(afterSeconds seconds: Double) throws {
    usleep(UInt32(seconds * 1_000_000))
    let lines = try? String(contentsOfFile: path + "/postgres/postmaster.pid", encoding: .utf8).split(
      separator: "\n")
    // Without a server there is nothing to kill: it is being started.
    guard let pid = lines?.first.flatMap({ pid_t($0) }), pid > 1 else { return }
    kill(pid, SIGKILL)
  }

  /// One number out of the catalogue.
  func count(_ sql: String) throws -> Int {
    let lines = try String(contentsOfFile: path + "/postgres/postmaster.pid", encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "psql", "-XAt", "-h", String(lines[4]), "-p", String(lines[3]), "-U", "muniment", "-d", "muniment",
      "-c", sql,
    ]
    process.standardOutput = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard let number = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      throw ScenarioError("psql gave no number for: \(sql)")
    }
    return number
  }

  /// Every file in one of the home's directories, whatever its name.
  func files(in directory: String) throws -> [String] {
    let base = "\(path)/\(directory)"
    guard FileManager.default.fileExists(atPath: base) else { return [] }
    return try FileManager.default.subpathsOfDirectory(atPath: base).filter {
      var isDirectory: ObjCBool = false
      return FileManager.default.fileExists(atPath: "\(base)/\($0)", isDirectory: &isDirectory)
        && !isDirectory.boolValue
    }.sorted()
  }
}
