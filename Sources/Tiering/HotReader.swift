import Catalog
package import History
package import KeyVault
package import Model
import Postgres
package import SegmentFormat
package import Sodium

/// Blocks to be sealed together, with the keys for them.
package struct SealBatch: Sendable {
  let runs: [BlockRun]
  package let conversations: [ConversationID: SecretBytes]
  package let lanes: [HeldKeys.Lane: SecretBytes]
  /// Of the period's key, which the lanes come from: more than one if it was made anew meanwhile.
  let periodGenerations: Set<Int64>
}

/// Reads a month's hot messages in the order of the plan, a bounded number at a time. Conversations are read whole, and
/// none is begun once the time is up, so that what was sealed can be switched in.
actor HotReader {
  private let archiver: Archiver
  private let month: Archiver.Plan.Month
  private let bounds: [Int16: Int64]
  /// The next conversation of the plan.
  private var place = 0
  /// One that is too large to be read at once.
  private var large: Large?

  /// Rows of one visit to the database; two of these are in memory, one read and one being sealed. Their bytes are
  /// bounded by the settings.
  static let messagesMax = 4_096

  init(_ archiver: Archiver, _ month: Archiver.Plan.Month, bounds: [Int16: Int64]) {
    (self.archiver, self.month, self.bounds) = (archiver, month, bounds)
  }

  /// What one query found, opened.
  private struct Visit {
    var messages: [StoredMessage] = []
    /// Of sealed rows that were found.
    let rows: Int
    /// There are more, which were left as they are large.
    var isCut: Bool
  }

  private struct Large {
    let place: Int
    var cursor: MessagePosition
    /// A block that more messages may still go into.
    var started: [StoredMessage] = []
  }

  /// `nil` at the end.
  func next() async throws -> SealBatch? {
    if large != nil { return try await nextOfLarge() }
    guard place < month.conversations.count, !archiver.pace.isOver(at: archiver.now()) else { return nil }
    if month.conversations[place].count > Self.messagesMax { return try await firstOfLarge() }
    return try await nextSmall()
  }

  private func nextSmall() async throws -> SealBatch? {
    let start = place
    var count = 0
    repeat {
      count += month.conversations[place].count
      place += 1
    } while place < month.conversations.count
      && count + month.conversations[place].count <= Self.messagesMax
      && !archiver.pace.isOver(at: archiver.now())
    let places = month.conversations[start..<place].map { ($0.route, $0.conversation) }
    let (from, until, bytesMax) = (month.from, month.until, archiver.settings.visitBytesMax)
    let visit = try await opened { tx in
      try Messages.runs(
        places, from: from, until: until, limit: Self.messagesMax + 1, bytesMax: bytesMax, in: tx)
    }
    var whole = places.count
    if visit.rows > Self.messagesMax || visit.isCut {
      // The last one that rows came of may have more; it is begun again by the next visit, or read in pieces.
      let last = visit.messages.last?.conversation
      whole = places.lastIndex { $0.1 == last } ?? 0
      guard whole > 0 else {
        place = start
        return try await firstOfLarge()
      }
      place = start + whole
    }
    var runs: [BlockRun] = []
    var rest = visit.messages[...]
    for (route, conversation) in places[..<whole] {
      let end = rest.firstIndex { $0.conversation != conversation } ?? rest.endIndex
      runs += blocks(Array(rest[..<end]), conversation, route)
      rest = rest[end...]
    }
    return try await batch(runs)
  }

  /// The next conversation of the plan, in pieces.
  private func firstOfLarge() async throws -> SealBatch? {
    large = Large(place: place, cursor: MessagePosition(createdAt: month.from, sequence: 0))
    place += 1
    return try await nextOfLarge()
  }

  private func nextOfLarge() async throws -> SealBatch? {
    guard var current = large else { return nil }
    let (conversation, route, _) = month.conversations[current.place]
    let (cursor, end) = (current.cursor, MessagePosition(createdAt: month.until, sequence: 0))
    let bytesMax = archiver.settings.visitBytesMax
    let visit = try await opened { tx in
      try Messages.page(
        route: route, conversation: conversation, after: cursor, before: end, limit: Self.messagesMax,
        bytesMax: bytesMax, in: tx)
    }
    let goesOn = visit.rows == Self.messagesMax || visit.isCut
    var blocks = Archiver.blocks(current.started + visit.messages)
    current.started = goesOn ? blocks.popLast() ?? [] : []
    current.cursor = visit.messages.last?.position ?? cursor
    large = goesOn ? current : nil
    return try await batch(blocks.flatMap { self.blocks($0, conversation, route) })
  }

  /// The rows that a query finds, opened as far as their bytes allow: some are a thousand times as large as they were
  /// sealed.
  private func opened(_ query: @escaping @Sendable (borrowing Transaction) throws -> [HotMessage])
    async throws -> Visit
  {
    let watch = ContinuousClock.now
    let (tenant, bytesMax) = (archiver.tenant.id, archiver.settings.visitBytesMax)
    let rows = try await archiver.database.read(query)
    let lanes = try await archiver.vault.lanes(Set(rows.map { $0.lane(tenant) }), creating: false)
    var visit = Visit(rows: rows.count, isCut: rows.reduce(0) { $0 + $1.sealed.count } >= bytesMax)
    var bytes = 0
    for row in rows {
      guard let lane = lanes[row.lane(tenant)] else {
        throw TieringError(
          .keyMissing, "hot messages whose keys are destroyed are still there; run the erasure again")
      }
      guard bytes < bytesMax else {
        visit.isCut = true
        break
      }
      let message = try opened(row, lane)
      bytes += message.payload.count
      visit.messages.append(message)
    }
    archiver.clock.add(.reading, since: watch)
    return visit
  }

  /// Where a key was lost, and a late message has made another, what was sealed before has a key that does not fit.
  private func opened(_ row: HotMessage, _ lane: LaneKey) throws -> StoredMessage {
    do {
      return try row.opened(lane)
    } catch is CryptographyError {
      throw TieringError(
        .keyMissing, "a hot message of \(month.period) cannot be opened with the keys there are")
    }
  }

  /// Without what came after the plan was made, which the next run takes.
  private func blocks(_ messages: [StoredMessage], _ conversation: ConversationID, _ route: RouteKey)
    -> [BlockRun]
  {
    let bound = bounds[Int16(route.group(of: archiver.settings.groups))] ?? 0
    return Archiver.blocks(messages.filter { $0.position.sequence <= bound }).map {
      BlockRun(conversation: conversation, route: route, messages: $0)
    }
  }

  private func batch(_ runs: [BlockRun]) async throws -> SealBatch {
    try await SealBatch(runs, tenant: archiver.tenant.id, period: month.period, vault: archiver.vault)
  }
}

extension SealBatch {
  /// With the keys there are; the writer refuses what lacks one.
  package init(_ runs: [BlockRun], tenant: TenantID, period: Period, vault: KeyVault) async throws {
    let owners = Set(runs.map { KeyOwner.conversation(tenant, $0.conversation) })
    let held = try await vault.keys(owners, creating: false)
    var conversations: [ConversationID: SecretBytes] = [:]
    var ids: Set<LaneID> = []
    for run in runs {
      conversations[run.conversation] = held[.conversation(tenant, run.conversation)]
      for sender in Set(run.messages.map(\.sender)) {
        ids.insert(LaneID(tenant: tenant, subject: sender, conversation: run.conversation, period: period))
      }
    }
    let keys = try await vault.lanes(ids, creating: false)
    var lanes: [HeldKeys.Lane: SecretBytes] = [:]
    for (lane, key) in keys {
      lanes[HeldKeys.Lane(sender: lane.subject, conversation: lane.conversation)] = key.secret
    }
    self.init(
      runs: runs, conversations: conversations, lanes: lanes,
      periodGenerations: Set(keys.values.map(\.periodGeneration)))
  }
}
