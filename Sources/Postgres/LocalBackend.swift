import Blocking
import CPostgres
import Glibc

/// The server's process for a connection, where it runs on this machine.
struct LocalBackend {
  private let process: pid_t

  /// `nil` unless the kernel itself says that whoever listens at the other end of a Unix socket is the parent of the
  /// process that the server named. The number alone could be one of another machine, of another container, or made up
  /// by a connection pooler, and here belong to anybody.
  init?(of connection: OpaquePointer) {
    let process = unsafe PQbackendPID(connection)
    guard process > 0, let listener = unsafe Self.listener(PQsocket(connection)),
      let place = Self.place(of: process), place.parent == listener, place.session == process
    else { return nil }
    self.process = process
  }

  /// Puts it behind what people wait for, for good. A system or an account that may not changes nothing.
  func putBehind() {
    ThreadNice.set(ThreadNice.writing, of: process)
    // Each backend leads a session. Where the kernel groups processes by session, they compete as groups, and their own
    // niceness counts for nothing (sched(7), "The autogroup feature").
    ThreadNice.setSession(ThreadNice.writing, of: process)
  }

  /// The process that listens on the other side of a Unix socket; `nil` for other sockets, and for a process that this
  /// one cannot see.
  private static func listener(_ socket: CInt) -> pid_t? {
    // `struct ucred` is not importable: process, user and group.
    var credentials: [UInt32] = [0, 0, 0]
    var size = socklen_t(credentials.count * MemoryLayout<UInt32>.size)
    guard unsafe getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0, credentials[0] > 0
    else { return nil }
    return pid_t(bitPattern: credentials[0])
  }

  private static func place(of process: pid_t) -> (parent: pid_t, session: pid_t)? {
    let file = unsafe open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 1_024)
    let count = unsafe read(file, &bytes, bytes.count)
    // The name, in parentheses, may hold anything (proc_pid_stat(5)); then state, parent, group, session.
    guard count > 0, let name = bytes[..<count].lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = String(decoding: bytes[(name + 1)..<count], as: UTF8.self).split(separator: " ")
    guard fields.count > 3, let parent = pid_t(fields[1]), let session = pid_t(fields[3]) else { return nil }
    return (parent, session)
  }
}
