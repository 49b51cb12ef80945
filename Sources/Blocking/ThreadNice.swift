import Glibc

/// How far behind what people wait for a thread's work stands when cores are scarce: a commit, a merge or an erasure
/// may take a little longer, a search may not wait for any of them.
package enum ThreadNice {
  package static let writing: CInt = 5
  package static let sealing: CInt = 10

  /// Of one thread alone, as Linux does it (setpriority(2), BUGS): of a process's first one, or of the calling one. For
  /// threads that do nothing else, as it cannot be taken back without privileges. A system that refuses changes nothing
  /// but the order.
  package static func set(_ nice: CInt, of process: CInt = 0) {
    let one = CInt(PRIO_PROCESS.rawValue)
    // An operator who started the whole program further behind meant it.
    if getpriority(one, id_t(process)) < nice { _ = setpriority(one, id_t(process), nice) }
  }

  /// Of the session that a process leads, where the kernel weighs sessions against each other (sched(7), "The autogroup
  /// feature"). Elsewhere the file is not there, or nothing comes of it.
  package static func setSession(_ nice: CInt, of process: CInt) {
    let file = unsafe open("/proc/\(process)/autogroup", O_RDWR | O_CLOEXEC)
    guard file >= 0 else { return }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = unsafe read(file, &bytes, bytes.count)
    // "/autogroup-25 nice 0"
    let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    guard let last = text.split(whereSeparator: \.isWhitespace).last, let current = CInt(last), current < nice
    else { return }
    let wanted = Array("\(nice)".utf8)
    _ = unsafe write(file, wanted, wanted.count)
  }
}
