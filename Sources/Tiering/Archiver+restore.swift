import AuditLog
import Blocking
import Catalog
import History
import KeyVault
import Model
import Postgres
import Segments

extension Archiver {
  package struct Restoration: Sendable, Hashable {
    /// Messages that are hot again.
    package var messages = 0
    /// Messages of the segment that did not come back: deleted, expired, erased, or unreadable.
    package var missing = 0
  }

  /// Brings a segment's readable messages back into the hot tables and retires the segment. A block at a time is in
  /// memory; on the way they lie, sealed, in a scratch file, as a transaction does not wait for a store.
  ///
  /// What is deleted or erased meanwhile does not come back: each message's state is asked for, and locked, by the
  /// statement that inserts it, and the keys it is sealed under stay until the commit.
  ///
  /// - Throws: `.unknownSegment`; `.keyMissing` if keys were destroyed each time it was tried.
  package func restore(_ id: String, dryRun: Bool = false) async throws -> Restoration {
    let segment = try await database.transaction { tx in try Archive.segment(id, in: tx) }
    guard let segment, segment.tenant == tenant.id, segment.supersededAt == nil else {
      throw TieringError(.unknownSegment, "there is no such segment; see `muniment archive list`")
    }
    for _ in 0..<Self.restoresMax {
      let draft = try await thawed(segment)
      if dryRun {
        return Restoration(messages: draft.messages, missing: Int(segment.messages) - draft.messages)
      }
      do {
        let messages = try await put(draft, of: segment)
        return Restoration(messages: messages, missing: Int(segment.messages) - messages)
      } catch is KeysDestroyed {
        vault.forget(draft.lanes.keys.flatMap(\.owners))
      }
    }
    throw TieringError(.keyMissing, "keys were destroyed while the segment was restored; run it again")
  }

  private static let restoresMax = 3

  private struct KeysDestroyed: Error {}

  /// What is readable and there, sealed again as hot rows are.
  private func thawed(_ segment: SegmentRow) async throws -> ThawedSegment {
    let draft = try ThawedSegment(settings.scratch, segment.id)
    let id = segment.id
    for block in try await database.transaction({ tx in try Archive.blocks(segment: id, in: tx) }) {
      let (messages, edits) = try await unfolding(staying(block), of: block)
      let lanes = try await vault.lanes(Set(messages.map { lane($0, segment.period) }), creating: false)
      let rows = messages.compactMap { message in
        lanes[lane(message, segment.period)].map { key in
          HotMessage(
            key: message.key, position: message.position, conversation: message.conversation,
            sender: message.sender,
            sealed: RowSeal.seal(message.payload, key: message.key, kind: 0, version: 0, lane: key))
        }
      }
      try draft.append(ThawedBlock(route: block.route, rows: rows, edits: edits), lanes)
    }
    try draft.close()
    return draft
  }

  private func put(_ draft: ThawedSegment, of segment: SegmentRow) async throws -> Int {
    let (tenant, audit, now, actor, vault) = (tenant.id, audit, now(), actor, vault)
    let (path, lanes) = (draft.path, draft.lanes)
    // By itself: who makes a partition keeps everybody from the table until the end of its transaction.
    try await database.transaction { tx in try Partitions.ensure([segment.period], in: tx) }
    defer { withExtendedLifetime(draft) {} }
    return try await changingCatalogue { tx in
      try Tenants.lockGovernance(tenant, exclusive: false, in: tx)
      guard try vault.alive(lanes, in: tx) else { throw KeysDestroyed() }
      try Partitions.ensure([segment.period], in: tx)
      var messages = 0
      try ThawedSegment.forEachBlock(of: path) { block in
        messages += try Messages.restore(block.rows, route: block.route, tenant: tenant, in: tx)
        try Amendments.unfold(block.edits, in: tx)
      }
      try Archive.supersede(segment.id, at: now, in: tx)
      FaultPoint.reach("restore.superseded")
      let details = ["messages": String(messages), "missing": String(Int(segment.messages) - messages)]
      _ = try audit.append(
        [
          AuditEntry(
            tenant: tenant, actor: actor, action: "archive.restored", object: segment.id, details: details)
        ], at: now, in: tx)
      return messages
    }
  }

  private func lane(_ message: StoredMessage, _ period: Period) -> LaneID {
    LaneID(tenant: tenant.id, subject: message.sender, conversation: message.conversation, period: period)
  }
}
