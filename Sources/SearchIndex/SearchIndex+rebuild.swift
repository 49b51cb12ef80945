import Xapian

extension SearchIndex {
  /// Where a rebuild beside the serving generations has come; 0 for one that begins. One that a crash interrupted goes
  /// on from where it was.
  package func rebuildPosition(group: Int) async throws -> Int64 {
    try await rebuilders[group].position()
  }

  /// As ``apply(_:group:after:upTo:)``, to the rebuild. No search sees it.
  @discardableResult
  package func applyToRebuild(
    _ operations: [IndexOperation], group: Int, after start: Int64? = nil, upTo position: Int64
  ) async throws -> Bool {
    let batch = try XapianBatch(operations, group: group)
    return try await rebuilders[group].apply(batch, after: start, position: position)
  }

  /// Rewrites what of the rebuild holds deleted documents, so that no byte of them comes into use.
  package func cleanRebuild(group: Int) async throws { _ = try await rebuilders[group].purge(.init()) }

  /// Puts the rebuild in the place of what was served: searches see the one or the other, whole.
  ///
  /// - Returns: false if the rebuild is behind what is served: apply more to it, and call again.
  package func publishRebuild(group: Int) async throws -> Bool {
    // What is sealed beside the writing can take long; what came meanwhile is a matter of another call.
    try await rebuilders[group].settle()
    await rebuilders[group].letGo()
    guard try await writers[group].takeOver(from: directories[group].rebuild) else { return false }
    await rebuilders[group].release()
    for reader in readers { await reader.drop(group) }
    return true
  }

  /// Whether a rebuild of the group was begun and not put to use.
  package func isRebuilding(group: Int) throws -> Bool { try directories[group].rebuild.current() != nil }

  /// Throws away what a rebuild has built.
  package func abandonRebuild(group: Int) async throws {
    try await rebuilders[group].abandon()
    await rebuilders[group].release()
  }
}

extension GroupWriter {
  /// Serves from now on what was built beside. Nothing is applied in between, as this suspends nowhere.
  fileprivate func takeOver(from rebuild: GroupDirectory) throws -> Bool {
    guard !isSettling else { return false }
    try take()
    guard let list = try rebuild.current() else { throw directory.error(.damaged) }
    let built = try guarded { try XapianReader(rebuild.path(of: list.hot)).state().position }
    guard try servedPosition() <= built else { return false }
    letGo()
    try rebuild.publishRebuild()
    try directory.sweep(hold)
    return true
  }

  /// 0 for what is too damaged to serve.
  private func servedPosition() throws -> Int64 {
    do {
      return try position()
    } catch let error as SearchIndexError where error.code == .damaged {
      return 0
    }
  }

  fileprivate func abandon() throws {
    try take()
    letGo()
    try directory.forget()
    try directory.sweep(hold)
  }
}
