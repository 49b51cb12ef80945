import FoundationEssentials
import Glibc

/// An advisory lock on a whole file, let go by ``deinit`` or by the kernel when the process ends.
final class FileLock: Sendable {
  enum Kind: Sendable { case shared, exclusive }

  let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Polls, so that a wait blocks no thread, ends with its task and has a limit.
  static func acquire(_ path: String, _ kind: Kind, seconds: Int) async throws -> FileLock {
    let limit = ContinuousClock.now + .seconds(seconds)
    while true {
      if let lock = try attempt(path, kind) { return lock }
      guard ContinuousClock.now < limit else {
        throw EmbeddedPostgresError(
          .timedOut, "\(path) was held for \(seconds) s by another process",
          nextStep: "see who holds it with `fuser \(path)`, then try again")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// Nil if another process holds it.
  static func attempt(_ path: String, _ kind: Kind) throws -> FileLock? {
    // O_CLOEXEC: a program started by us would otherwise keep the lock after our end.
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Command.failure("cannot open \(path)", errno) }
    let lock = FileLock(descriptor)
    guard flock(descriptor, (kind == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0 else {
      if errno == EWOULDBLOCK || errno == EINTR { return nil }
      throw Command.failure("cannot lock \(path)", errno)
    }
    // The file may have been removed and made anew while we opened it; then the lock guards nothing.
    var opened = stat()
    var named = stat()
    guard fstat(descriptor, &opened) == 0, stat(path, &named) == 0, opened.st_ino == named.st_ino else {
      return nil
    }
    return lock
  }
}

/// Programs run with a small environment of our own: PGHOST, PGOPTIONS or LD_PRELOAD of the user must not
/// matter.
enum Command {
  static func failure(_ what: String, _ code: Int32) -> EmbeddedPostgresError {
    EmbeddedPostgresError(
      .unusableDirectory, "\(what): \(String(cString: strerror(code)))",
      nextStep: "check the owner and permissions of the data directory")
  }

  /// Runs to the end. Blocks.
  ///
  /// Through files, not pipes: a pipe's end that leaked into some daemon would keep us reading for ever.
  /// - Returns: the exit status (128 + signal if killed) and both output streams together.
  static func run(_ arguments: [String], input: String = "") throws -> (status: Int32, output: String) {
    let (stdin, stdout) = (try scratchFile(), try scratchFile())
    defer {
      close(stdin)
      close(stdout)
    }
    let bytes = Array(input.utf8)
    guard write(stdin, bytes, bytes.count) == bytes.count, lseek(stdin, 0, SEEK_SET) == 0 else {
      throw failure("cannot write a temporary file", errno)
    }
    let status = wait(try spawn(arguments, standard: (stdin, stdout)))
    lseek(stdout, 0, SEEK_SET)
    return (status, readAll(stdout))
  }

  /// A file without a name.
  private static func scratchFile() throws -> Int32 {
    let path = "/tmp/muniment-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure("cannot make a temporary file in /tmp", errno) }
    unlink(path)
    return descriptor
  }

  /// Starts a program in a session of its own that outlives us, so that Ctrl-C in our terminal does not
  /// reach it.
  /// - Parameters:
  ///   - log: takes both output streams: a detached program must not hold our stdout open.
  ///   - inherited: becomes descriptor 8 of the program.
  static func detach(_ arguments: [String], log: String, inherited: Int32? = nil) throws {
    let output = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard output >= 0 else { throw failure("cannot open \(log)", errno) }
    let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer {
      close(output)
      close(null)
    }
    // --fork: the child is init's, which also reaps it.
    let command = [try Program.find("setsid"), "--fork"] + arguments
    let status = wait(try spawn(command, standard: (null, output), inherited: inherited))
    guard status == 0 else {
      throw EmbeddedPostgresError(
        .programFailed, "\(arguments[0]) could not be started (status \(status))", nextStep: "see \(log)")
    }
  }

  private static func spawn(
    _ arguments: [String], standard: (input: Int32, output: Int32), inherited: Int32? = nil
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_adddup2(&actions, standard.input, 0)
    posix_spawn_file_actions_adddup2(&actions, standard.output, 1)
    posix_spawn_file_actions_adddup2(&actions, standard.output, 2)
    // Last: 8 may be the number of one of the descriptors above.
    if let inherited { posix_spawn_file_actions_adddup2(&actions, inherited, 8) }
    for leak in leakingDescriptors() where leak != 8 || inherited == nil {
      posix_spawn_file_actions_addclose(&actions, leak)
    }
    resetSignals(&attributes)

    // The directory we are in may be closed to the server's account, or be removed later.
    let arguments = [try Program.find("env"), "--chdir=/"] + arguments
    let environment = ["PATH=\(Program.directories.joined(separator: ":"))", "LC_ALL=C", "TZ=UTC", "HOME=/"]
    var child: pid_t = 0
    let code = withCStrings(arguments) { argv in
      withCStrings(environment) { envp in posix_spawn(&child, arguments[0], &actions, &attributes, argv, envp)
      }
    }
    guard code == 0 else {
      throw EmbeddedPostgresError(
        .programFailed, "cannot run \(arguments[2]): \(String(cString: strerror(code)))",
        nextStep: "check that it is installed and executable")
    }
    return child
  }

  /// Those that a library, or whoever started us, left open without O_CLOEXEC. A server that held them
  /// would keep pipes and sockets of others alive.
  private static func leakingDescriptors() -> [Int32] {
    let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return open.compactMap { Int32($0) }.filter { $0 > 2 && fcntl($0, F_GETFD) & FD_CLOEXEC == 0 }
  }

  /// Signals that a service ignores or blocks would stay so in the program.
  private static func resetSignals(_ attributes: inout posix_spawnattr_t) {
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
  }

  private static func wait(_ child: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    let signal = status & 0x7F
    return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
  }

  private static func readAll(_ descriptor: Int32) -> String {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return String(decoding: all, as: UTF8.self) }
      all += chunk[..<count]
    }
  }

  private static func withCStrings<R>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
  ) -> R {
    var pointers = strings.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
  }
}

/// Where programs lie.
enum Program {
  static var directories: [String] {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let own = path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
    return own + ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"].filter { !own.contains($0) }
  }

  static func lookUp(_ name: String) -> String? {
    directories.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  static func find(_ name: String) throws -> String {
    if let path = lookUp(name) { return path }
    throw EmbeddedPostgresError(
      .notInstalled, "the program `\(name)` is missing", nextStep: "apt-get install util-linux")
  }

  static func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
