import AuditLog
import Blocking
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
    /// Edits that went from the catalogue into the segments.
    package var folded = 0
    /// Objects that were replaced and are locked; they are deleted once their lock has ended.
    package var locked = 0
    /// Whether the time was up before all was looked at.
    package var isStopped = false

    package init() {}
  }

  /// Rewrites the segments of a period when they hold dead lanes or messages that were deleted or expired, or when
  /// there are several of them. The replaced objects go with a later sweep, after their last readers.
  ///
  /// Opens only segments of whose periods something was deleted since they were last looked through, and new ones. A
  /// block at a time is in memory, and those of the same conversation whose times overlap with it.
  ///
  /// - Parameter width: as many segments a period must have before they are merged while more are still coming; a
  ///   period that grows a little every night would be written anew every night otherwise.
  package func compact(dryRun: Bool, width: Int = 2) async throws -> Compaction {
    var total = Compaction()
    if !dryRun { total.locked = try await sweep() }
    let (tenant, start) = (tenant.id, now())
    let (all, suspects, edits) = try await database.read { tx in
      (
        try Archive.segments(tenant: tenant, in: tx), try Archive.mayHoldDead(tenant: tenant, in: tx),
        try Amendments.foldable(tenant: tenant, in: tx)
      )
    }
    for (period, segments) in Dictionary(grouping: all, by: \.period).sorted(by: { $0.key < $1.key }) {
      total.isStopped = pace.isOver(at: now())
      if total.isStopped { break }
      let suspected = segments.map(\.id).filter(suspects.contains)
      let dropped = suspected.isEmpty ? 0 : try await dropped(of: segments)
      let folds = isWorthFolding(edits[period] ?? 0, into: segments, width)
      guard dropped > 0 || folds || isFragmented(segments, width, at: start) else {
        if !dryRun, !suspected.isEmpty {
          try await database.transaction { tx in try Archive.lookedThrough(suspected, at: start, in: tx) }
        }
        continue
      }
      total.rewritten += segments.count
      total.dropped += dropped
      guard !dryRun else {
        total.folded += edits[period] ?? 0
        continue
      }
      let done = try await rewrite(period, segments)
      total.segments += done.segments
      total.folded += done.folded
    }
    return total
  }

  /// A period without a new segment for so long gets no more of them by and by, in seconds.
  private static let quietSeconds: Int64 = 3 * 86_400

  private func isFragmented(_ segments: [SegmentRow], _ width: Int, at now: Timestamp) -> Bool {
    guard segments.count > 1, segments.reduce(0, { $0 + $1.bytes }) <= settings.segmentBytesTarget else {
      return false
    }
    return segments.count >= width
      || segments.allSatisfy { $0.sealedAt < now.adding(seconds: -Self.quietSeconds) }
  }

  /// How many messages of segments are not to stay.
  private func dropped(of segments: [SegmentRow]) async throws -> Int {
    var dropped = 0
    for segment in segments {
      let blocks = try await database.transaction { tx in try Archive.blocks(segment: segment.id, in: tx) }
      for block in blocks { dropped += try await Int(block.count) - staying(block).count }
    }
    return dropped
  }

  /// Opens a block and sorts out what is not to stay. Restricted messages stay: a hold needs them.
  private func staying(_ block: BlockRow) async throws -> [StoredMessage] {
    let messages = try await history.archive.messages(block)
    let states = try await database.transaction { tx in try Locators.find(messages.map(\.key), in: tx) }
    return messages.filter { [.live, .restricted].contains(states[$0.key]?.state) }
  }

  private func rewrite(_ period: Period, _ old: [SegmentRow]) async throws -> (segments: Int, folded: Int) {
    let (sealed, folded) = try await resealed(period, old)
    for segment in sealed { try await verify(segment) }
    FaultPoint.reach("compact.verified")
    let (audit, tenant, now) = (audit, tenant, now())
    try await database.transaction { tx in
      for segment in sealed { try Archive.insert(segment.row, blocks: segment.blocks, in: tx) }
      for segment in old { try Archive.supersede(segment.id, at: now, in: tx) }
      try Amendments.fold(folded, in: tx)
      FaultPoint.reach("compact.superseded")
      _ = try audit.append(
        [
          AuditEntry(
            tenant: tenant.id, actor: "archive", action: "archive.compacted", object: period.description,
            details: [
              "from": old.map(\.id).joined(separator: ","), "to": sealed.map(\.row.id).joined(separator: ","),
              "edits": String(folded.count),
            ])
        ], at: now, in: tx)
    }
    FaultPoint.reach("compact.switched")
    return (sealed.count, folded.count)
  }

  /// The staying messages of segments in new ones, conversation by conversation in the order of routes.
  private func resealed(_ period: Period, _ old: [SegmentRow]) async throws -> (
    sealed: [SealedSegment], folded: [AmendmentRow]
  ) {
    var blocks: [BlockRow] = []
    for segment in old {
      blocks += try await database.transaction { tx in try Archive.blocks(segment: segment.id, in: tx) }
    }
    blocks.sort { ($0.route, $0.conversation, $0.first) < ($1.route, $1.conversation, $1.first) }
    let dictionary = try await history.archive.dictionaries.newest(tenant: tenant.id)
    var sealed: [SealedSegment] = []
    var open: SegmentDraft?
    var waiting: [StoredMessage] = []
    var folded: [AmendmentRow] = []
    for (index, block) in blocks.enumerated() {
      let (messages, edits) = try await folding(staying(block), of: block)
      waiting += messages
      folded += edits
      let next = index + 1 < blocks.count ? blocks[index + 1] : nil
      let follows = next.map { $0.conversation == block.conversation } ?? false
      for run in Self.ready(&waiting, before: follows ? next?.first : nil) {
        if open == nil { open = try await SegmentDraft(self, period, dictionary) }
        try await open?.append(run, conversation: block.conversation, route: block.route)
        if let full = open, full.bytes >= settings.segmentBytesTarget {
          sealed.append(try await full.finish())
          open = nil
        }
      }
    }
    if let open { sealed.append(try await open.finish()) }
    return (sealed, folded)
  }

  /// Takes the new blocks out of `waiting` that nothing can be added to any more: all of them without `limit`, before
  /// which a block that is yet to be read has nothing.
  private static func ready(_ waiting: inout [StoredMessage], before limit: MessagePosition?)
    -> [[StoredMessage]]
  {
    waiting = ordered(waiting)
    guard let limit else { return blocks(exchange(&waiting, with: [])) }
    var full = blocks(waiting.filter { $0.position < limit })
    // The last one may not be full; it waits for more.
    _ = full.popLast()
    waiting.removeFirst(full.reduce(0) { $0 + $1.count })
    return full
  }

  private static func exchange(_ waiting: inout [StoredMessage], with new: [StoredMessage]) -> [StoredMessage]
  {
    let old = waiting
    waiting = new
    return old
  }

  /// In order, each message once.
  private static func ordered(_ messages: [StoredMessage]) -> [StoredMessage] {
    var seen: Set<MessagePosition> = []
    return messages.sorted { $0.position < $1.position }.filter { seen.insert($0.position).inserted }
  }

  /// Brings a segment's readable messages back into the hot tables and retires the segment.
  package func restore(_ id: String) async throws -> Int {
    let segment = try await database.transaction { tx in try Archive.segment(id, in: tx) }
    guard let segment, segment.tenant == tenant.id, segment.supersededAt == nil else {
      throw TieringError(.unknownSegment, "there is no such segment; see `muniment archive list`")
    }
    let blocks = try await database.transaction { tx in try Archive.blocks(segment: id, in: tx) }
    var kept: [(route: RouteKey, message: StoredMessage)] = []
    var edits: [AmendmentRow] = []
    for block in blocks {
      let (messages, unfolded) = try await unfolding(staying(block), of: block)
      kept += messages.map { (block.route, $0) }
      edits += unfolded
    }
    let lanes = try await vault.lanes(Set(kept.map { lane($0.message, segment.period) }), creating: false)
    let rows = kept.compactMap { route, message in
      lanes[lane(message, segment.period)].map { key in
        (
          route: route,
          row: HotMessage(
            key: message.key, position: message.position, conversation: message.conversation,
            sender: message.sender,
            sealed: RowSeal.seal(message.payload, key: message.key, kind: 0, version: 0, lane: key))
        )
      }
    }
    let (tenant, audit, now, unfolded) = (tenant.id, audit, now(), edits)
    try await database.transaction { tx in
      try Partitions.ensure([segment.period], in: tx)
      try Messages.restore(rows, tenant: tenant, in: tx)
      try Amendments.unfold(unfolded, in: tx)
      try Archive.supersede(id, at: now, in: tx)
      FaultPoint.reach("restore.superseded")
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
