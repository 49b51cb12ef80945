import AuditLog
import Blocking
import Catalog
import History
import KeyVault
package import Model
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
    /// Objects that were replaced and that the store does not let us delete.
    package var refused = 0
    /// Months that were left as they are, as a segment of theirs is damaged.
    package var damaged: [Period] = []
    /// Months that ended meanwhile, with all their segments.
    package var ended: [Period] = []
    /// Months that were left as they are, as keys that their messages need are gone.
    package var lost: [Period] = []
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
  /// - Parameter sweeping: whether what earlier runs replaced is deleted first.
  package func compact(dryRun: Bool, width: Int = 2, sweeping: Bool = true) async throws -> Compaction {
    var total = Compaction()
    if !dryRun, sweeping {
      let swept = try await sweep()
      (total.locked, total.refused) = (swept.locked, swept.refused)
    }
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
      let look = Look(suspected: suspected, edits: edits[period] ?? 0, width: width, start: start)
      // Whose key is lost is of no matter where nothing is to be rewritten.
      guard mayRewrite(segments, look) else { continue }
      do {
        let visit = try await visit(period) { key in
          try await compact(period, segments, look, under: key, dryRun: dryRun, &total)
        }
        switch visit {
        case .done: break
        case .ended: total.ended.append(period)
        case .lost: total.lost.append(period)
        }
      } catch  where HistoryReader.isDamage(error) {
        // Other months are no worse for it.
        total.damaged.append(period)
      }
    }
    return total
  }

  /// What was known of a period when the compaction began.
  private struct Look {
    let suspected: [String]
    let edits: Int
    let width: Int
    let start: Timestamp
  }

  /// Whether segments are to be opened at all.
  private func mayRewrite(_ segments: [SegmentRow], _ look: Look) -> Bool {
    !look.suspected.isEmpty || isWorthFolding(look.edits, into: segments, look.width)
      || !mergeable(segments, look).isEmpty
  }

  private func compact(
    _ period: Period, _ segments: [SegmentRow], _ look: Look, under key: DataKey, dryRun: Bool,
    _ total: inout Compaction
  ) async throws {
    let dropped = look.suspected.isEmpty ? 0 : try await dropped(of: segments)
    let isWhole = dropped > 0 || isWorthFolding(look.edits, into: segments, look.width)
    let groups = isWhole ? [segments] : mergeable(segments, look)
    guard !dryRun else {
      total.rewritten += groups.reduce(0) { $0 + $1.count }
      total.dropped += dropped
      if isWhole { total.folded += look.edits }
      return
    }
    let rewritten = Set(groups.joined().map(\.id))
    let clean = look.suspected.filter { !rewritten.contains($0) }
    if !clean.isEmpty {
      try await database.transaction { tx in try Archive.lookedThrough(clean, at: look.start, in: tx) }
    }
    for group in groups {
      let done = try await rewrite(period, group, under: key)
      total.rewritten += group.count
      total.segments += done.segments
      total.folded += done.folded
    }
    total.dropped += dropped
  }

  /// A period without a new segment for so long gets no more of them by and by, in seconds.
  private static let quietSeconds: Int64 = 3 * 86_400

  /// The segments of a period that are to become one: all of them where one has room for all, otherwise those that are
  /// less than half full, in groups that fit.
  private func mergeable(_ segments: [SegmentRow], _ look: Look) -> [[SegmentRow]] {
    let target = settings.segmentBytesTarget
    var groups: [[SegmentRow]] = []
    if segments.reduce(0, { $0 + $1.bytes }) <= target {
      groups = [segments]
    } else {
      var bytes = target
      for segment in segments where segment.bytes < target / 2 {
        if bytes + segment.bytes > target {
          groups.append([])
          bytes = 0
        }
        groups[groups.count - 1].append(segment)
        bytes += segment.bytes
      }
    }
    let quiet = look.start.adding(seconds: -Self.quietSeconds)
    return groups.filter { group in
      group.count > 1 && (group.count >= look.width || group.allSatisfy { $0.sealedAt < quiet })
    }
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
  func staying(_ block: BlockRow) async throws -> [StoredMessage] {
    let messages = try await history.archive.messages(block)
    let states = try await database.transaction { tx in try Locators.find(messages.map(\.key), in: tx) }
    return messages.filter { [.live, .restricted].contains(states[$0.key]?.state) }
  }

  private func rewrite(_ period: Period, _ old: [SegmentRow], under key: DataKey) async throws -> (
    segments: Int, folded: Int
  ) {
    let (sealed, folded) = try await resealed(period, old, under: key)
    for segment in sealed { try await verify(segment) }
    FaultPoint.reach("compact.verified")
    let (audit, tenant, now, actor) = (audit, tenant, now(), actor)
    try await changingCatalogue { tx in
      try requireKey(key, of: period, in: tx)
      for segment in sealed { try Archive.insert(segment.row, blocks: segment.blocks, in: tx) }
      for segment in old { try Archive.supersede(segment.id, at: now, in: tx) }
      try Amendments.fold(folded, in: tx)
      FaultPoint.reach("compact.superseded")
      _ = try audit.append(
        [
          AuditEntry(
            tenant: tenant.id, actor: actor, action: "archive.compacted", object: period.description,
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
  private func resealed(_ period: Period, _ old: [SegmentRow], under key: DataKey) async throws -> (
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
        if open == nil { open = try await SegmentDraft(self, period, under: key, dictionary) }
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
}
