import Blocking
import FoundationEssentials
import Glibc
import Postgres

/// The running side of a cluster: its socket and its processes. The caller holds the start lock.
struct Server: Sendable {
  private let cluster: Cluster
  private let socket: String
  /// In the title of every process of this server. From device and inode of the data directory, so that it
  /// stays when the home is moved and differs when it is copied.
  private let name: String

  /// Starting after a crash replays at most `max_wal_size` of log.
  private static let recoverySecondsMax = 600
  /// A server that is alive but has not opened its socket for so long has lost it.
  private static let silenceSecondsMax = 15

  /// Blocks.
  init(_ cluster: Cluster) throws {
    self.cluster = cluster
    var info = stat()
    guard stat(cluster.data, &info) == 0 else { throw Command.failure("cannot read \(cluster.data)", errno) }
    name = "muniment_\(String(info.st_dev, radix: 16))_\(String(info.st_ino, radix: 16))"
    socket = try SocketDirectory.make(for: cluster)
  }

  // MARK: - Start

  /// Returns how to connect, once the server accepts connections.
  func run() async throws -> String {
    if let running = readPostmaster(), isOurs(running.pid) {
      let conninfo = conninfo(running.socket.isEmpty ? socket : running.socket)
      if try await accepts(conninfo) { return conninfo }
    }
    try await clear()
    let log = cluster.file("postgres.log")
    let arguments = try self.arguments
    try await runBlocking {
      rotate(log)
      try Command.detach(arguments, log: log)
    }
    let conninfo = conninfo(socket)
    if try await accepts(conninfo) { return conninfo }
    throw EmbeddedPostgresError(
      .programFailed, "the server did not start: \(tail(log))", nextStep: "see \(log), then try again")
  }

  private var arguments: [String] {
    get throws {
      try cluster.account.prefix() + ["\(cluster.installation.directory)/postgres", "-D", cluster.data]
        + settings
    }
  }

  private var settings: [String] {
    var settings = [
      "listen_addresses": "", "port": "5432", "unix_socket_directories": socket,
      "unix_socket_permissions": "0700",
      "cluster_name": name, "shared_buffers": "128MB", "max_connections": "60", "max_wal_size": "1GB",
      "timezone": "UTC", "log_timezone": "UTC", "jit": "off", "logging_collector": "off",
      // Errors and their details quote values; the log keeps what the server itself does, and crashes.
      "log_min_messages": "log", "log_min_error_statement": "panic", "log_error_verbosity": "terse",
      "log_destination": "stderr", "log_line_prefix": "%m [%p] ",
    ]
    if cluster.purpose == .disposable {
      for setting in ["fsync", "synchronous_commit", "full_page_writes"] { settings[setting] = "off" }
      settings["max_connections"] = "400"
    }
    return settings.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0.key)=\($0.value)"] }
  }

  private static let unseenSecondsMax = 2

  /// True when the server accepts; false when it is gone, or alive but out of reach.
  private func accepts(_ conninfo: String) async throws -> Bool {
    let start = ContinuousClock.now
    var lastAnswer = start
    var lastSeen = start
    while ContinuousClock.now < start + .seconds(Self.recoverySecondsMax) {
      switch try await PostgresPool.ping(conninfo) {
      case .accepting: return true
      case .rejecting: lastAnswer = .now
      case .unreachable, .malformedConninfo:
        // Between fork and exec a starting server cannot be told by its command line: it is gone only when it has
        // not been seen for a while.
        if !processes().isEmpty { lastSeen = .now }
        let isGone = ContinuousClock.now > lastSeen + .seconds(Self.unseenSecondsMax)
        if isGone || ContinuousClock.now > lastAnswer + .seconds(Self.silenceSecondsMax) { return false }
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw EmbeddedPostgresError(
      .timedOut, "the server was still recovering after \(Self.recoverySecondsMax) s",
      nextStep: "see \(cluster.file("postgres.log")), then try again")
  }

  /// Ends what is left of a server that cannot be used, and removes what would keep a new one from starting.
  private func clear() async throws {
    let limit = ContinuousClock.now + .seconds(60)
    // SIGINT: fast shutdown for a postmaster. SIGQUIT: at once, for all, when that takes long or when it was
    // killed and its children are still busy. Recovery follows in both cases.
    var signal = SIGINT
    while case let left = processes(), !left.isEmpty {
      for process in left where signal == SIGQUIT || process == readPostmaster()?.pid {
        kill(process, signal)
      }
      guard ContinuousClock.now < limit else {
        throw EmbeddedPostgresError(
          .timedOut, "an old server of this cluster does not end (process \(left[0]))",
          nextStep: "end it with `kill -9 \(left[0])`, then try again")
      }
      try await Task.sleep(for: .milliseconds(100))
      if readPostmaster().map({ left.contains($0.pid) }) != true || ContinuousClock.now + .seconds(45) > limit
      {
        signal = SIGQUIT
      }
    }
    // PostgreSQL removes a stale file itself unless its process id is in use again by someone else.
    unlink(cluster.data + "/postmaster.pid")
    unlink(socket + "/.s.PGSQL.5432.lock")
    unlink(socket + "/.s.PGSQL.5432")
  }

  // MARK: - Processes

  private func readPostmaster() -> (pid: pid_t, socket: String)? {
    guard let text = try? String(contentsOfFile: cluster.data + "/postmaster.pid", encoding: .utf8) else {
      return nil
    }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let pid = lines.first.flatMap({ pid_t($0) }), pid > 0 else { return nil }
    return (pid, lines.count > 4 ? String(lines[4]) : "")
  }

  /// Every process of this server. By the command line, which anyone may read: a container's root may not
  /// look at the working directory of another account's process.
  private func processes() -> [pid_t] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap { pid_t($0) }.filter(isOurs)
  }

  private func isOurs(_ pid: pid_t) -> Bool {
    let line = commandLine(pid)
    let program = line.prefix { $0 != "\0" }
    // A child of the server has its title here; a server that is being started still has its starters' names.
    if program.hasPrefix("postgres: ") { return program.contains(name) }
    let starters = ["postgres", "postmaster", "setpriv", "setsid", "env"]
    guard starters.contains(program.split(separator: "/").last.map(String.init) ?? "") else { return false }
    return line.contains(name) || line.contains("/postgres\0-D\0\(cluster.data)\0")
  }

  /// Empty for a process that is gone, and for a zombie, which is as good as gone.
  private func commandLine(_ pid: pid_t) -> String {
    let file = open("/proc/\(pid)/cmdline", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 8_192)
    let count = read(file, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
  }

  private func conninfo(_ directory: String) -> String {
    let quoted = directory.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
    return "host='\(quoted)' port=5432 user=muniment dbname=muniment"
  }

  private func rotate(_ log: String) {
    var info = stat()
    if stat(log, &info) == 0, info.st_size > 16 << 20 { rename(log, log + ".1") }
  }

  private func tail(_ log: String) -> String {
    let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    return text.split(whereSeparator: \.isNewline).suffix(3).joined(separator: "; ")
  }
}

/// The detached process that outlives its starter and stops the server after its last user.
enum Watcher {
  /// Starts the process that stops the server after its last user, unless there is one. Blocks.
  ///
  /// The lock is taken here and inherited, so that there is no moment in which two watchers, or none, hold
  /// it.
  static func start(for cluster: Cluster) throws {
    let socket = try SocketDirectory.make(for: cluster)
    guard let lock = try FileLock.attempt(cluster.file("postgres.watch.lock"), .exclusive) else { return }
    let stop =
      try cluster.account.prefix() + ["\(cluster.installation.directory)/pg_ctl", "stop", "-D", cluster.data]
    let disposable = cluster.purpose == .disposable
    try Command.detach(
      [
        try Program.find("sh"), "-c", script, "muniment-postgres-watcher",
        cluster.file("postgres.users.lock"),
        disposable ? cluster.home : "", socket,
      ] + stop, log: disposable ? "/dev/null" : cluster.file("postgres.log"), inherited: lock.descriptor)
  }

  /// `flock` must not hold the watch lock too, or killing this shell alone would leave a watch that does
  /// nothing. Second try: a starter that was killed may have left a server that has not written its pid
  /// file yet. The watch lock (8) goes before the users lock (9): whoever gets the latter must find the
  /// former free.
  private static let script = """
    trap '' HUP INT TERM
    users=$1 home=$2 socket=$3
    shift 3
    exec 9<>"$users"
    flock -x 9 8>&-
    "$@" -m fast -t 60 8>&- 9>&- || { sleep 1; "$@" -m immediate -t 60 8>&- 9>&-; }
    if [ -n "$home" ]; then rm -rf -- "$home" "$socket"; else rmdir -- "$socket" 2>/dev/null; fi
    exec 8>&-
    exec 9>&-
    """
}

/// The private directory of the unix socket, whose path must be short: not below a home of any depth.
enum SocketDirectory {
  /// `sun_path` holds 108 bytes, the last of them zero.
  private static let pathMax = 107 - "/.s.PGSQL.5432".utf8.count

  static func make(for cluster: Cluster) throws -> String {
    let hash = cluster.home.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    let key = String(hash, radix: 16)
    for parent in parents() where parent.utf8.count + 1 + key.utf8.count <= pathMax {
      mkdir(parent, 0o711)
      if isTrusted(parent, owner: geteuid()) { return try privately("\(parent)/\(key)", cluster) }
    }
    return try privately("/tmp/muniment-\(geteuid())-\(key)", cluster)
  }

  private static func parents() -> [String] {
    if geteuid() == 0 { return ["/run/muniment"] }
    let runtime = ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"] ?? ""
    return runtime.hasPrefix("/") ? ["\(runtime)/muniment"] : []
  }

  private static func privately(_ path: String, _ cluster: Cluster) throws -> String {
    if mkdir(path, 0o700) == 0, geteuid() == 0 { lchown(path, cluster.account.uid, cluster.account.gid) }
    // In /tmp anyone could have made it first, to listen in our place.
    guard isTrusted(path, owner: cluster.account.uid), chmod(path, 0o700) == 0 else {
      throw EmbeddedPostgresError(
        .unusableDirectory,
        "\(path), for the server's socket, is not a directory of `\(cluster.account.name)` alone",
        nextStep: "remove it, then try again")
    }
    return path
  }

  /// A real directory, not a link, that `owner` owns and no one else may write to.
  private static func isTrusted(_ path: String, owner: uid_t) -> Bool {
    var info = stat()
    return lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR && info.st_uid == owner
      && info.st_mode & 0o022 == 0
  }
}
