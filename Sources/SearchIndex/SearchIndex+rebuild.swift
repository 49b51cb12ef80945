import Xapian

extension SearchIndex {
  /// Where a rebuild beside the serving generations has come; 0 for one that begins. One that a crash interrupted goes
  /// on from where it was.
  package func rebuildPosition(group: Int) async throws -> Int64 {
    try await rebuilders[group].position()
  }

  /// As ``apply(_:group:upTo:)``, to the rebuild. No search sees it.
  @discardableResult
  package func applyToRebuild(_ operations: [IndexOperation], group: Int, upTo position: Int64) async throws
    -> Bool
  {
    let batch = try XapianBatch(operations, group: group)
    return try await rebuilders[group].apply(batch, position: position)
  }

  /// Puts the rebuild in the place of what was served: searches see the one or the other, whole.
  package func publishRebuild(group: Int) async throws {
    try await rebuilders[group].settle()
    try await writers[group].takeOver(from: rebuilders[group])
    for reader in readers { await reader.drop(group) }
  }
}

extension GroupWriter {
  /// Serves from now on what the other has built.
  fileprivate func takeOver(from rebuilder: GroupWriter) async throws {
    while isSettling { try await Task.sleep(for: .milliseconds(50)) }
    try take()
    try await rebuilder.handOver()
    letGo()
    try directory.sweep(except: hold.building)
  }

  private func handOver() throws {
    try take()
    letGo()
    try directory.publishRebuild()
    release()
  }
}
