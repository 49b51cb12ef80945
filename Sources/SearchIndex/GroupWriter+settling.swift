import Xapian

extension GroupWriter {
  /// Seals what is frozen and merges small sealed generations, on another thread, while this one goes on writing.
  /// Returns when nothing is left to do; at once if that is being done already.
  func settle() async throws {
    guard !isSettling else { return }
    try take()
    isSettling = true
    defer { isSettling = false }
    while let sources = try due() { try await seal(sources) }
  }

  /// Brings everything into its smallest form: nothing hot, nothing deleted in any file, few generations.
  func compact() async throws {
    while isSettling { try await Task.sleep(for: .milliseconds(50)) }
    if try write({ try $0.documents() }) > 0 { try guarded { try roll() } }
    try await settle()
    for name in try inUse().older where try state(of: name).tombstones > 0 { try await seal([name]) }
    // What deletions left in the hot one, which is empty now but may have been written to.
    _ = try purge(.init())
  }

  private func seal(_ sources: [String]) async throws {
    let making = try Sealing(of: sources, at: try position(), in: directory, hold)
    defer { hold.end(making.names) }
    do {
      let stop = XapianStop()
      try await withTaskCancellationHandler {
        _ = try await sealing.run { try making.run(stop: stop) }
      } onCancel: {
        stop.set()
      }
      try guarded { try publish(making) }
    } catch {
      let used = try inUse().older
      // In use it is, though what it replaced could not be removed: the next sweep does.
      guard !used.contains(making.target) else { return }
      try making.discard()
      // A purge was faster, and took away what was being read: that is no damage.
      guard Set(sources).isSubset(of: used) else { return }
      if let error = error as? XapianError { throw SearchIndexError(error, group: directory.group) }
      throw error
    }
  }

  /// Puts a sealed generation in the place of its sources, with what left these meanwhile. If one of them is gone, a
  /// purge was faster, and what was made is of no use.
  func publish(_ making: Sealing) throws {
    guard
      let list = try inUse().replacing(
        making.sources, by: try isEmpty(making.target) ? nil : making.target)
    else { return try making.discard() }
    try XapianSealing.carry(
      directory.paths(of: making.sources), into: directory.path(of: making.target), since: making.position)
    try use(list)
    for name in making.sources { try directory.remove(name) }
    if !list.older.contains(making.target) { try directory.remove(making.target) }
  }

  private func isEmpty(_ generation: String) throws -> Bool { try state(of: generation).documents == 0 }

  /// The next generations to make one of: a frozen one, or as many small sealed ones as are merged at a time.
  private func due() throws -> [String]? {
    var tiers: [Int: [(name: String, documents: Int)]] = [:]
    for name in try inUse().older {
      let state = try state(of: name)
      guard state.isSealed else { return [name] }
      guard state.documents < limits.sealedDocuments else { continue }
      tiers[Self.tier(state.documents), default: []].append((name, state.documents))
    }
    for (_, members) in tiers.sorted(by: { $0.key < $1.key }) where members.count >= limits.mergeWidth {
      let chosen = members.prefix(limits.mergeWidth)
      guard chosen.reduce(0, { $0 + $1.documents }) <= 2 * limits.sealedDocuments else { continue }
      return chosen.map(\.name)
    }
    return nil
  }

  /// Powers of four, so that a merge of four is of the next tier.
  private static func tier(_ documents: Int) -> Int {
    (Int.bitWidth - max(documents, 1).leadingZeroBitCount) / 2
  }
}
