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
    /// Of these, what is still locked: a later run removes it.
    package var locked = 0
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
  package func replicate() async throws -> Replication {
    let replica = try replica()
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
    _ = try await replica.sweep()
    for name in names.sorted() {
      do {
        try await replica.delete(name)
        done.removed += 1
      } catch let error as SegmentStoreError where error.code == .locked {
        done.locked += 1
      }
    }
  }

  /// Puts the replica's copy into the place of a damaged or missing object. The copy is whole and on this machine
  /// before anything is deleted.
  ///
  /// - Returns: why it could not be done; `nil` if it was.
  func repair(_ segment: SegmentRow) async throws -> String? {
    let name = SegmentName.object(segment.id)
    do {
      let copy = try await fetched(segment, from: replica())
      try await store.delete(name)
      FaultPoint.reach("repair.deleted")
      try await store.put(name, from: copy.path)
    } catch let error as SegmentStoreError where error.code == .locked {
      return "not repaired: the damaged object is locked"
    } catch let error where Self.isDamaged(error) {
      return "not repaired: the replica has no whole copy of it"
    }
    let (tenant, audit, now) = (tenant.id, audit, now())
    try await database.transaction { tx in
      _ = try audit.append(
        [AuditEntry(tenant: tenant, actor: "archive", action: "archive.repaired", object: segment.id)],
        at: now, in: tx)
    }
    return nil
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
    let name = SegmentName.object(segment.id)
    let notWhole = TieringError(.verificationFailed, "segment \(segment.id) is not as it was sealed")
    guard try await source.size(name) == segment.bytes else { throw notWhole }
    let copy = try ScratchCopy(settings.scratch, segment.id)
    var hash = BLAKE2b()
    for start in stride(from: 0, to: Int(segment.bytes), by: Self.pieceBytes) {
      let piece = try await source.read(
        name, range: start..<min(start + Self.pieceBytes, Int(segment.bytes)))
      hash.update(piece)
      try copy.file.write(contentsOf: piece)
    }
    guard hash.finish() == segment.hash else { throw notWhole }
    try copy.file.synchronize()
    return copy
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
