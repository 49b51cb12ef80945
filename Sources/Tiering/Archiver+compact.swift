import AuditLog
import Catalog
import History
import KeyVault
import Model
import Postgres
import Segments

extension Archiver {
  package struct Compaction: Sendable {
    package var rewritten = 0
    package var segments = 0
    package var dropped = 0
  }

  /// Rewrites the segments of a period when they hold dead lanes or messages that were deleted or expired, or when
  /// there are several of them. The replaced objects go with a later sweep, after their last readers.
  package func compact(dryRun: Bool) async throws -> Compaction {
    if !dryRun { try await sweep() }
    let tenant = tenant.id
    let all = try await database.transaction { tx in try Archive.segments(tenant: tenant, in: tx) }
    var total = Compaction()
    for (period, segments) in Dictionary(grouping: all, by: \.period).sorted(by: { $0.key < $1.key }) {
      let kept = try await kept(of: segments)
      guard kept.dropped > 0 || isFragmented(segments) else { continue }
      total.rewritten += segments.count
      total.dropped += kept.dropped
      guard !dryRun else { continue }
      total.segments += try await rewrite(period, segments, kept.runs)
    }
    return total
  }

  private func isFragmented(_ segments: [SegmentRow]) -> Bool {
    segments.count > 1 && segments.reduce(0) { $0 + $1.bytes } <= settings.segmentBytesTarget
  }

  private struct Kept {
    /// Messages to keep, by conversation in order.
    var runs: [(conversation: ConversationID, route: RouteKey, messages: [StoredMessage])] = []
    var dropped = 0
  }

  /// Opens everything and sorts out what is not to stay. Restricted messages stay: a hold needs them.
  private func kept(of segments: [SegmentRow]) async throws -> Kept {
    var kept = Kept()
    var runs: [ConversationID: (route: RouteKey, messages: [StoredMessage])] = [:]
    for segment in segments {
      let blocks = try await database.transaction { tx in try Archive.blocks(segment: segment.id, in: tx) }
      for block in blocks {
        let messages = try await history.archive.messages(block)
        let states = try await database.transaction { tx in try Locators.find(messages.map(\.key), in: tx) }
        let staying = messages.filter { [.live, .restricted].contains(states[$0.key]?.state) }
        kept.dropped += Int(block.count) - staying.count
        runs[block.conversation, default: (block.route, [])].messages += staying
      }
    }
    kept.runs = runs.map { ($0.key, $0.value.route, $0.value.messages) }
      .sorted { ($0.route, $0.conversation) < ($1.route, $1.conversation) }
    for index in kept.runs.indices { kept.runs[index].messages = Self.ordered(kept.runs[index].messages) }
    return kept
  }

  /// In order, each message once.
  private static func ordered(_ messages: [StoredMessage]) -> [StoredMessage] {
    var seen: Set<MessagePosition> = []
    return messages.sorted { $0.position < $1.position }.filter { seen.insert($0.position).inserted }
  }

  private func rewrite(
    _ period: Period, _ old: [SegmentRow],
    _ runs: [(conversation: ConversationID, route: RouteKey, messages: [StoredMessage])]
  ) async throws -> Int {
    var sealed: [SealedSegment] = []
    var open: SegmentDraft?
    for run in runs {
      for block in Self.blocks(run.messages) {
        if open == nil { open = try await SegmentDraft(self, period) }
        try await open?.append(block, conversation: run.conversation, route: run.route)
        if let full = open, full.bytes >= settings.segmentBytesTarget {
          sealed.append(try await full.finish())
          open = nil
        }
      }
    }
    if let open { sealed.append(try await open.finish()) }
    for segment in sealed { try await verify(segment) }
    let (new, audit, tenant, now) = (sealed, audit, tenant, now())
    try await database.transaction { tx in
      for segment in new { try Archive.insert(segment.row, blocks: segment.blocks, in: tx) }
      for segment in old { try Archive.supersede(segment.id, at: now, in: tx) }
      _ = try audit.append(
        [
          AuditEntry(
            tenant: tenant.id, actor: "archive", action: "archive.compacted", object: period.description,
            details: [
              "from": old.map(\.id).joined(separator: ","), "to": new.map(\.row.id).joined(separator: ","),
            ])
        ], at: now, in: tx)
    }
    return new.count
  }

  /// Brings a segment's readable messages back into the hot tables and retires the segment.
  package func restore(_ id: String) async throws -> Int {
    let segment = try await database.transaction { tx in try Archive.segment(id, in: tx) }
    guard let segment, segment.tenant == tenant.id, segment.supersededAt == nil else {
      throw TieringError(.unknownSegment, "there is no such segment; see `muniment archive list`")
    }
    let kept = try await kept(of: [segment])
    let lanes = try await vault.lanes(
      Set(kept.runs.flatMap { run in run.messages.map { lane($0, segment.period) } }), creating: false)
    let rows = kept.runs.flatMap { run in
      run.messages.compactMap { message in
        lanes[lane(message, segment.period)].map { key in
          (
            route: run.route,
            row: HotMessage(
              key: message.key, position: message.position, conversation: message.conversation,
              sender: message.sender,
              sealed: RowSeal.seal(message.payload, key: message.key, kind: 0, version: 0, lane: key))
          )
        }
      }
    }
    let (tenant, audit, now) = (tenant.id, audit, now())
    try await database.transaction { tx in
      try Partitions.ensure([segment.period], in: tx)
      try Messages.restore(rows, tenant: tenant, in: tx)
      try Archive.supersede(id, at: now, in: tx)
      _ = try audit.append(
        [AuditEntry(tenant: tenant, actor: "archive", action: "archive.restored", object: id)], at: now,
        in: tx)
    }
    return rows.count
  }

  private func lane(_ message: StoredMessage, _ period: Period) -> LaneID {
    LaneID(tenant: tenant.id, subject: message.sender, conversation: message.conversation, period: period)
  }
}
