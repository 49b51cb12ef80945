import AuditLog
import Blocking
import Catalog
import Foundation
import Model
import Postgres
import Segments
import Sodium

extension Archiver {
  package struct Replication: Sendable {
    /// Of the tenant, and how many of them were copied now.
    package var segments = 0
    package var copied = 0
    package var bytes: Int64 = 0
    /// Objects that the catalogue does not know any more, such as those that compaction replaced.
    package var removed = 0
    /// What is to be removed and is still locked: a later run removes it.
    package var locked = 0
    /// What is to be removed and the store does not let us.
    package var refused = 0
    /// Segments that could not be copied, as they are not whole themselves.
    package var damaged: [String] = []
    /// Whether the time was up before all was copied; the next run goes on from here.
    package var isStopped = false

    package init() {}
  }

  /// Copies to the replica what it lacks, and removes there what nobody needs any more. Every copy is checked against
  /// the catalogue's hash before it is written; whatever step is the last before a crash, the next run goes on.
  ///
  /// The caller holds the archive's lease.
  ///
  /// - Throws: as ``sweep()`` does, before anything is removed.
  package func replicate() async throws -> Replication {
    let replica = try replica()
    try await requireNewestCatalogue()
    let tenant = tenant.id
    let (segments, known) = try await database.transaction { tx in
      (
        try Archive.segments(tenant: tenant, in: tx),
        try Archive.segments(tenant: nil, in: tx) + Archive.segments(tenant: nil, superseded: true, in: tx)
      )
    }
    var done = Replication()
    let there = Set(try await replica.list())
    for segment in segments {
      done.isStopped = pace.isOver(at: now())
      if done.isStopped { return done }
      done.segments += 1
      guard !there.contains(SegmentName.object(segment.id)) else { continue }
      do {
        let copy = try await fetched(segment, from: store)
        try await replica.put(SegmentName.object(segment.id), from: copy.path)
        FaultPoint.reach("replica.copied")
        done.copied += 1
        done.bytes += segment.bytes
        try await pace.passed(bytes: segment.bytes, messages: Int(segment.messages))
      } catch let error as SegmentStoreError where error.code == .exists {
        continue  // a put whose answer was lost
      } catch let error where Self.isDamaged(error) {
        done.damaged.append(segment.id)
      }
    }
    try await remove(there.subtracting(known.map { SegmentName.object($0.id) }), from: replica, &done)
    return done
  }

  private func remove(_ names: Set<String>, from replica: any SegmentStore, _ done: inout Replication)
    async throws
  {
    try await requireLease()
    _ = try await replica.sweep()
    let (swept, left) = try await delete(names.sorted(), from: replica)
    done.removed = names.count - left.count
    (done.locked, done.refused) = (swept.locked, swept.refused)
  }

  /// Which of the two stores something is about.
  enum Side: String, Sendable { case store, replica }

  /// Puts the other store's copy into the place of a damaged or missing object. The copy is whole and on this machine
  /// before anything is deleted.
  ///
  /// - Returns: why it could not be done; `nil` if it was.
  func repair(_ segment: SegmentRow, in side: Side = .store) async throws -> String? {
    let name = SegmentName.object(segment.id)
    let replica = try replica()
    let (damaged, other) = side == .store ? (store, replica) : (replica, store)
    do {
      let copy = try await fetched(segment, from: other)
      try await requireLease()
      try await damaged.delete(name)
      FaultPoint.reach("repair.deleted")
      try await damaged.put(name, from: copy.path)
    } catch let error as SegmentStoreError where error.code == .locked {
      return "not repaired: the damaged object is locked"
    } catch let error where Self.isDamaged(error) {
      return side == .store
        ? "not repaired: the replica has no whole copy of it"
        : "not repaired: the segment itself is not whole"
    }
    let (tenant, audit, now, actor) = (tenant.id, audit, now(), actor)
    try await database.transaction { tx in
      _ = try audit.append(
        [
          AuditEntry(
            tenant: tenant, actor: actor, action: "archive.repaired", object: segment.id,
            details: ["in": side.rawValue])
        ], at: now, in: tx)
    }
    return nil
  }

  /// What is wrong with the replica's copy; `nil`: nothing, or there is none yet, or no replica.
  func findingOfCopy(_ segment: SegmentRow) async throws -> Finding? {
    guard let replica = try settings.replica() else { return nil }
    let what: String
    do {
      guard try await replica.leftover(SegmentName.object(segment.id)) != nil else { return nil }
      if try await isWhole(segment, in: replica) { return nil }
      what = "is not as it was sealed"
    } catch {
      what = try SegmentVerifier.damage(error)
    }
    return Finding(
      segment: segment.id, block: nil, conversation: nil, messages: 0,
      what: "its copy in the replica: \(what)")
  }

  func replica() throws -> any SegmentStore {
    guard let replica = try settings.replica() else {
      throw TieringError(
        .noReplica, "there is no replica; set archive.replica and run `muniment archive replicate`")
    }
    return replica
  }

  private static func isDamaged(_ error: any Error) -> Bool {
    switch error {
    case let error as SegmentStoreError: error.isDamage
    case let error as TieringError: error.code == .verificationFailed
    default: false
    }
  }

  private static let pieceBytes = 4 << 20

  /// A copy on this machine that is what the catalogue says.
  private func fetched(_ segment: SegmentRow, from source: any SegmentStore) async throws -> ScratchCopy {
    let copy = try ScratchCopy(settings.scratch, segment.id)
    guard try await isWhole(segment, in: source, { try copy.file.write(contentsOf: $0) }) else {
      throw TieringError(.verificationFailed, "segment \(segment.id) is not as it was sealed")
    }
    try copy.file.synchronize()
    return copy
  }

  /// Whether an object is what the catalogue says; its bytes are handed on as they are read.
  private func isWhole(
    _ segment: SegmentRow, in source: any SegmentStore, _ each: ([UInt8]) throws -> Void = { _ in }
  ) async throws -> Bool {
    let name = SegmentName.object(segment.id)
    guard try await source.size(name) == segment.bytes else { return false }
    var hash = BLAKE2b()
    for start in stride(from: 0, to: Int(segment.bytes), by: Self.pieceBytes) {
      let piece = try await source.read(
        name, range: start..<min(start + Self.pieceBytes, Int(segment.bytes)))
      hash.update(piece)
      try each(piece)
    }
    return hash.finish() == segment.hash
  }
}

/// A file that goes with its last user, or with the next sweep.
private final class ScratchCopy {
  let path: String
  let file: FileHandle

  init(_ directory: String, _ id: String) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    path = directory + "/" + id + ".copy" + SegmentDraft.suffix
    guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
      let file = FileHandle(forWritingAtPath: path)
    else { throw CocoaError(.fileWriteUnknown) }
    self.file = file
  }

  deinit {
    try? file.close()
    try? FileManager.default.removeItem(atPath: path)
  }
}
