import FoundationEssentials
import Glibc

/// The account the server runs as: ours, or an unprivileged one if we are root, as PostgreSQL refuses root.
struct ServerAccount: Sendable {
  let uid: uid_t
  let gid: gid_t
  let name: String

  static func choose(data: String) throws -> ServerAccount {
    var info = stat()
    let owner = lstat(data, &info) == 0 ? info.st_uid : nil
    guard geteuid() == 0 else {
      guard owner == nil || owner == geteuid() else {
        throw EmbeddedPostgresError(
          .unusableDirectory, "\(data) belongs to another user (uid \(owner!))",
          nextStep: "run as that user, or choose another MUNIMENT_HOME")
      }
      return ServerAccount(uid: geteuid(), gid: getegid(), name: "uid \(geteuid())")
    }
    // An existing cluster decides: `postgres` may have been installed after `nobody` was taken.
    if let owner, owner != 0, let account = look({ getpwuid_r(owner, $0, $1, $2, $3) }) { return account }
    for name in ["postgres", "nobody"] {
      if let account = look({ getpwnam_r(name, $0, $1, $2, $3) }) { return account }
    }
    throw EmbeddedPostgresError(
      .notInstalled, "there is no unprivileged account to run PostgreSQL as",
      nextStep: "apt-get install postgresql-15, or run as a user other than root")
  }

  /// What to put before a command so that it runs as this account.
  func prefix() throws -> [String] {
    guard geteuid() == 0 else { return [] }
    return [try Program.find("setpriv"), "--reuid=\(uid)", "--regid=\(gid)", "--init-groups", "--"]
  }

  private typealias Buffer = UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
  private static func look(
    _ call: (UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int, Buffer) -> Int32
  ) -> ServerAccount? {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16_384) { buffer in
      guard call(&entry, buffer.baseAddress!, buffer.count, &found) == 0, found != nil else { return nil }
      return ServerAccount(uid: entry.pw_uid, gid: entry.pw_gid, name: String(cString: entry.pw_name))
    }
  }
}

/// The programs of one PostgreSQL version.
struct Installation: Sendable {
  let directory: String
  let version: Int

  static let versionMin = 15

  /// From PATH, `pg_config`, then Debian's directories, newest first. An existing cluster needs its own
  /// version.
  static func find(for existing: Int?) throws -> Installation {
    for directory in candidates() {
      guard ["initdb", "postgres", "pg_ctl"].allSatisfy({ access("\(directory)/\($0)", X_OK) == 0 }),
        let text = try? Command.run(["\(directory)/postgres", "--version"]).output,
        let version = text.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Int($0) }),
        version >= versionMin, existing == nil || existing == version
      else { continue }
      return Installation(directory: directory, version: version)
    }
    let wanted = existing ?? versionMin
    throw EmbeddedPostgresError(
      .notInstalled,
      existing == nil
        ? "PostgreSQL \(versionMin) or later is not installed"
        : "the cluster was made by PostgreSQL \(wanted), which is not installed",
      nextStep: "apt-get install postgresql-\(wanted), or set MUNIMENT_DATABASE_URL")
  }

  private static func candidates() -> [String] {
    var found: [String] = []
    // Debian links programs into PATH one by one: the link's target knows where its siblings are.
    if let initdb = Program.lookUp("initdb").flatMap(Program.realPath) { found.append(parent(initdb)) }
    if let config = Program.lookUp("pg_config"), let answer = try? Command.run([config, "--bindir"]) {
      found.append(answer.output.trimmingSuffix { $0.isNewline })
    }
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
    found += versions.compactMap { Int($0) }.sorted(by: >).map { "/usr/lib/postgresql/\($0)/bin" }
    return found
  }
}

/// The cluster's files, and how they come to be.
struct Cluster: Sendable {
  let home: String
  let data: String
  let purpose: EmbeddedPostgres.Purpose
  let account: ServerAccount
  let installation: Installation

  /// Makes the home if it is missing. Blocks.
  init(home: String, purpose: EmbeddedPostgres.Purpose) throws {
    let isNew = access(home, F_OK) != 0
    do {
      try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    } catch {
      throw EmbeddedPostgresError(
        .unusableDirectory, "\(home) cannot be made", nextStep: "choose a MUNIMENT_HOME that you may write to"
      )
    }
    if isNew { chmod(home, 0o700) }
    guard let resolved = Program.realPath(home) else {
      throw Command.failure("cannot resolve \(home)", errno)
    }
    self.home = resolved
    self.purpose = purpose
    data = resolved + "/postgres"
    account = try ServerAccount.choose(data: data)
    let version = try? String(contentsOfFile: data + "/PG_VERSION", encoding: .utf8)
    installation = try Installation.find(for: version.flatMap { Int($0.trimmingSuffix { $0.isNewline }) })
    try openParents()
  }

  func file(_ name: String) -> String { "\(home)/\(name)" }

  /// Makes the cluster under another name and renames it when it is complete, so that one which exists is
  /// whole. Blocks. The caller holds the start lock.
  func create() throws {
    if access(data + "/PG_VERSION", F_OK) == 0 { return }
    let draft = file("postgres.new")
    for leftover in [draft, data] where access(leftover, F_OK) == 0 {
      // `data` without a version file: an empty directory, or a file system that lost our rename half-way.
      try removeDraft(leftover)
    }
    guard mkdir(draft, 0o700) == 0, chown(draft, account.uid, account.gid) == 0 else {
      throw Command.failure("cannot make \(draft)", errno)
    }
    let sync = purpose == .disposable ? ["--no-sync"] : []
    try run(
      "initdb",
      ["-D", draft, "-U", "muniment", "--auth=trust", "--no-locale", "-E", "UTF8", "--no-instructions"] + sync
    )
    // Single-user mode: the database exists before anyone can connect.
    try run(
      "postgres", ["--single", "-D", draft] + (sync.isEmpty ? [] : ["-F"]) + ["postgres"],
      input: "CREATE DATABASE muniment\n")
    guard rename(draft, data) == 0 else { throw Command.failure("cannot rename \(draft)", errno) }
    try synchronise(home)
  }

  private func removeDraft(_ path: String) throws {
    // Only what initdb makes: a directory with foreign files in it is not ours to delete.
    let isOurs = path != data || (try? FileManager.default.contentsOfDirectory(atPath: path).isEmpty) == true
    guard isOurs, (try? FileManager.default.removeItem(atPath: path)) != nil else {
      throw EmbeddedPostgresError(
        .unusableDirectory, "\(path) is not a PostgreSQL cluster", nextStep: "move it away and start again")
    }
  }

  private func run(_ program: String, _ arguments: [String], input: String = "") throws {
    let result = try Command.run(
      try account.prefix() + ["\(installation.directory)/\(program)"] + arguments, input: input)
    guard result.status == 0 else {
      let text = result.output.split(whereSeparator: \.isNewline).suffix(4).joined(separator: "; ")
      throw EmbeddedPostgresError(
        .programFailed, "\(program) failed (status \(result.status)): \(text)",
        nextStep: "check free space and permissions of \(home), then try again")
    }
  }

  private func synchronise(_ directory: String) throws {
    let descriptor = open(directory, O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    guard descriptor >= 0, fsync(descriptor) == 0 else {
      throw Command.failure("cannot sync \(directory)", errno)
    }
  }

  /// The server's account must be able to walk down to its files. Our own home is opened for that (search
  /// only; the keystore and all else in it have modes of their own); directories above belong to someone
  /// else.
  private func openParents() throws {
    guard geteuid() == 0 else { return }
    var path = home
    while path != "/" {
      if !isSearchable(path) {
        guard path == home, chmod(path, mode(path) | 0o011) == 0 else {
          throw EmbeddedPostgresError(
            .unusableDirectory,
            "PostgreSQL runs as `\(account.name)`, which may not search the directory \(path)",
            nextStep: "`chmod o+x \(path)`, or choose a MUNIMENT_HOME elsewhere, such as /var/lib/muniment")
        }
      }
      path = parent(path)
    }
  }

  private func mode(_ path: String) -> mode_t {
    var info = stat()
    return stat(path, &info) == 0 ? info.st_mode & 0o7777 : 0
  }

  private func isSearchable(_ path: String) -> Bool {
    var info = stat()
    guard stat(path, &info) == 0 else { return false }
    let bit: mode_t = info.st_uid == account.uid ? 0o100 : info.st_gid == account.gid ? 0o010 : 0o001
    if info.st_mode & bit != 0 { return true }
    // Access lists and further groups can allow it still: ask the kernel as that account.
    guard let prefix = try? account.prefix(), let test = Program.lookUp("test") else { return false }
    return (try? Command.run(prefix + [test, "-x", path]).status) == 0
  }
}

/// The directory a path lies in.
func parent(_ path: String) -> String {
  guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
  return String(path[..<slash])
}

extension String {
  fileprivate func trimmingSuffix(_ isTrimmed: (Character) -> Bool) -> String {
    var end = endIndex
    while end > startIndex, isTrimmed(self[index(before: end)]) { end = index(before: end) }
    return String(self[..<end])
  }
}
