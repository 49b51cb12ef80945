import Glibc

/// How far behind what people wait for a thread's work stands when cores are scarce: a commit, a merge or an erasure
/// may take a little longer, a search may not wait for any of them.
package enum ThreadNice {
  package static let writing: CInt = 5
  package static let sealing: CInt = 10

  /// Of the calling thread alone, as Linux does it (setpriority(2), BUGS). For threads that do nothing else, as it
  /// cannot be taken back without privileges. A system that refuses changes nothing but the order.
  static func set(_ nice: CInt) {
    let thread = CInt(PRIO_PROCESS.rawValue)
    // An operator who started the whole program further behind meant it.
    if getpriority(thread, 0) < nice { _ = setpriority(thread, 0, nice) }
  }
}
