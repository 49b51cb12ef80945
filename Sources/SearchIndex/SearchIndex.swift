import Blocking
package import Model
import Synchronization
import Xapian

/// The search index: `groups` shards, each a Xapian database and a sidecar that says who may see what.
///
/// Derived from the feed and rebuilt from it: each shard's position is committed with its documents, so after any
/// crash the feed goes on from there. One process at a time writes to a group; any number may search.
package final class SearchIndex: Sendable {
  let directories: [GroupDirectory]
  let writers: [GroupWriter]
  /// Of rebuilds beside the serving generations.
  let rebuilders: [GroupWriter]
  let readers: [IndexReader]
  /// Requests under way at each reader.
  private let load: Mutex<[Int]>

  package static let groupsMax = 64
  /// Generations of a group besides the one that is written to.
  package static let olderGenerationsMax = GenerationList.olderMax
  private static let readersMax = 4
  /// Readers that share one search.
  private static let lanesMax = 2

  package var groups: Int { directories.count }

  /// Touches no file: a shard is made by its first write.
  ///
  /// - Throws: `.badQuery` if `groups` is not within 1 to ``groupsMax``.
  package init(directory: String, groups: Int, limits: GenerationLimits = GenerationLimits()) throws {
    guard (1...Self.groupsMax).contains(groups) else { throw SearchIndexError(.badQuery) }
    directories = (0..<groups).map { GroupDirectory(root: directory, group: $0) }
    let holds = directories.map { _ in GroupHold() }
    writers = zip(directories, holds).map { GroupWriter($0, hold: $1, limits: limits, name: "serving") }
    rebuilders = zip(directories, holds).map {
      GroupWriter($0.rebuild, hold: $1, limits: limits, name: "rebuilding")
    }
    readers = (0..<Self.readersMax).map { _ in IndexReader() }
    load = Mutex([Int](repeating: 0, count: Self.readersMax))
  }

  /// The feed position the group's documents stand at; 0 for a new one.
  package func position(group: Int) async throws -> Int64 {
    try await read(group) { (group) throws(XapianError) in try group.hot.state().position } ?? 0
  }

  /// As ``position(group:)`` of every group, in one look; `nil` for a damaged one.
  package func positions() async throws -> [Int64?] {
    let lanes = lanes(Array(directories.indices))
    defer { leave(lanes) }
    var positions = [Int64?](repeating: nil, count: directories.count)
    for lane in lanes {
      let found = try await readers[lane.reader].positions(lane.groups.map { directories[$0] })
      for (group, position) in zip(lane.groups, found) { positions[group] = position }
    }
    return positions
  }

  package func documentCount(group: Int) async throws -> Int {
    try await generations(group: group).reduce(0) { $0 + $1.documents }
  }

  /// What the group consists of, the hot generation first; empty if it was never written to.
  package func generations(group: Int) async throws -> [IndexGeneration] {
    try await read(group) { (group) throws(XapianError) in
      var found: [IndexGeneration] = []
      for (place, reader) in group.all.enumerated() {
        found.append(IndexGeneration(try reader.state(), isHot: place == 0))
      }
      return found
    } ?? []
  }

  /// Applies operations in one transaction that also moves the group's position: all or nothing.
  ///
  /// - Parameter start: where the operations begin, if that is to be where the shard stands.
  /// - Returns: false if the shard is at `position` or past it already, as after a replay, or not at `start`; then
  ///   nothing is done.
  /// - Throws: `.badTerm` or `.badBatch` with the sequence of the document at fault: set it aside and apply the
  ///   rest. `.locked` while another process writes.
  @discardableResult
  package func apply(
    _ operations: [IndexOperation], group: Int, after start: Int64? = nil, upTo position: Int64
  ) async throws -> Bool {
    let batch = try XapianBatch(operations, group: group)
    return try await writers[group].apply(batch, after: start, position: position)
  }

  /// Removes all a sender wrote in the group, to the last byte: deletes, writes the shard anew, unlinks the old.
  /// Safe to repeat; a crash in between leaves the messages hidden, and the next purge finishes the work.
  @discardableResult
  package func purge(sender: SubjectID, group: Int) async throws -> Int {
    try await purge(sequences: [], terms: [IndexTerms.sender(sender)], group: group)
  }

  /// As ``purge(sender:group:)``, for a conversation.
  @discardableResult
  package func purge(conversation: ConversationID, group: Int) async throws -> Int {
    try await purge(sequences: [], terms: [IndexTerms.conversation(conversation)], group: group)
  }

  /// As ``purge(sender:group:)``, for single documents. Without any it only compacts.
  @discardableResult
  package func purge(sequences: [Int64], group: Int) async throws -> Int {
    try await purge(sequences: sequences, terms: [], group: group)
  }

  /// Empties the group, damaged or not, so that it is built anew from position 0.
  package func reset(group: Int) async throws {
    try await writers[group].reset()
    for reader in readers { await reader.drop(group) }
  }

  /// Seals what has grown to its limit, and merges what is small, beside the writing. Returns when there is nothing
  /// left to do.
  package func settle(group: Int) async throws { try await writers[group].settle() }

  /// Brings the group into its smallest form, with nothing of what was deleted in any file.
  package func compact(group: Int) async throws {
    let result: Result<Void, any Error>
    do { result = .success(try await writers[group].compact()) } catch { result = .failure(error) }
    // Readers hold on to unlinked files, so they are dropped whatever it ended in.
    for reader in readers { await reader.drop(group) }
    try result.get()
  }

  /// Lets go of every group this process writes to, so that another process may.
  package func release() async {
    for writer in writers + rebuilders { await writer.release() }
  }

  /// Ends all threads and lets other processes write. Calls after it throw `.closed`.
  package func close() async {
    for writer in writers + rebuilders { await writer.close() }
    for reader in readers { await reader.close() }
  }

  private func purge(sequences: [Int64], terms: [[UInt8]], group: Int) async throws -> Int {
    // Readers hold on to unlinked files, so they are dropped even when the purge ends in `.residue`.
    let result: Result<Int, any Error>
    do {
      let exclusion = XapianSealing.Exclusion(terms: terms, sequences: sequences)
      let count = try await writers[group].purge(exclusion)
      // A rebuild under way will be served one day; it may not bring back what is purged now.
      if try isRebuilding(group: group) { _ = try await rebuilders[group].purge(exclusion) }
      result = .success(count)
    } catch {
      result = .failure(error)
    }
    for reader in readers { await reader.drop(group) }
    return try result.get()
  }

  /// Runs `body` on a reader with the group's handle at hand, or on an idle one if that is busy.
  func read<R: Sendable>(
    _ group: Int, _ body: @escaping @Sendable (GroupSnapshot) throws(XapianError) -> R
  ) async throws -> R? {
    let chosen = load.withLock { load in
      let home = group % load.count
      let place = load[home] == 0 ? home : load.indices.min { load[$0] < load[$1] }!
      load[place] += 1
      return place
    }
    defer { load.withLock { $0[chosen] -= 1 } }
    return try await readers[chosen].read(directories[group], body)
  }

  /// As ``read(_:_:)``, with an answer for a damaged group in the place of the error.
  func read<R: Sendable>(
    _ group: Int, ifDamaged answer: R, _ body: @escaping @Sendable (GroupSnapshot) throws(XapianError) -> R
  ) async throws -> R? {
    do {
      return try await read(group, body)
    } catch let error as SearchIndexError where error.code == .damaged {
      return answer
    }
  }

  /// Groups one reader searches in one hop.
  struct Lane: Sendable {
    let reader: Int
    var groups: [Int]
  }

  /// Shares groups out to idle readers, as many as there are cores; to one, if none is idle, as side by side all would
  /// be slower. Beyond ``IndexReader/handlesMax`` groups every reader has its own.
  func lanes(_ groups: [Int]) -> [Lane] {
    load.withLock { load in
      let least = load.indices.sorted { (load[$0], $0) < (load[$1], $1) }
      let idle = load.count { $0 == 0 }
      let isShared = directories.count <= IndexReader.handlesMax
      let width = isShared ? max(1, min(idle, Self.lanesMax, groups.count)) : load.count
      var lanes = (0..<width).map { Lane(reader: isShared ? least[$0] : $0, groups: []) }
      for (place, group) in groups.enumerated() {
        lanes[(isShared ? place : group) % width].groups.append(group)
      }
      lanes.removeAll { $0.groups.isEmpty }
      for lane in lanes { load[lane.reader] += 1 }
      return lanes
    }
  }

  func leave(_ lanes: [Lane]) {
    load.withLock { load in for lane in lanes { load[lane.reader] -= 1 } }
  }
}

extension XapianBatch {
  init(_ operations: [IndexOperation], group: Int) throws(SearchIndexError) {
    self.init()
    do throws(XapianError) {
      for operation in operations {
        switch operation {
        case .put(let document): try put(document)
        case .delete(let sequence): try delete(sequence: sequence)
        }
      }
    } catch {
      throw SearchIndexError(error, group: group)
    }
  }

  private mutating func put(_ document: IndexDocument) throws(XapianError) {
    try put(
      sequence: document.sequence, conversation: document.conversation.rawValue,
      sender: document.sender.rawValue, createdAt: document.createdAt.microseconds,
      terms: document.terms + [
        IndexTerms.conversation(document.conversation), IndexTerms.sender(document.sender),
      ],
      positioned: document.positioned)
  }
}
