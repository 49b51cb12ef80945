package import Model
package import Postgres

/// Why messages go. Each path of deletion has its own case; all of them pass through
/// ``Deletions/delete(_:for:tenant:in:)``.
package enum DeletionReason: Sendable, CaseIterable {
  case deletedByMember, retention, erasure

  /// The state a message is left in.
  package var state: Locator.State {
    switch self {
    case .deletedByMember: .deleted
    case .retention: .expired
    case .erasure: .erased
    }
  }

  /// A person's right to be forgotten yields to duties that are locked, and to no other floor.
  package var floors: Floors.Kind { self == .erasure ? .locked : .all }
}

/// What a deletion did.
package struct DeletionOutcome: Sendable {
  package var deleted: [Locator] = []
  /// Messages a hold keeps, with the ids of all holds that do.
  package var held: [(key: MessageKey, holds: [Int64])] = []
  /// Messages no hold keeps, but a floor does.
  package var floored: [MessageKey: RunningFloor] = [:]

  package var kept: [MessageKey] { held.map(\.key) + floored.keys.sorted() }
}

/// The one guard that every deletion of messages passes.
package enum Deletions {
  /// Deletes messages unless a hold covers them or a floor keeps them: the checks, the removal of hot rows,
  /// amendments, labels and preserved copies, and the change of state happen in the caller's transaction, under the
  /// tenant's governance lock. A message that a member deletes while it has to be kept becomes restricted: hidden from
  /// members, kept for the matter or until the floor ends. Anything that fails here fails the transaction, so nothing
  /// is deleted unchecked.
  package static func delete(
    _ keys: [MessageKey], for reason: DeletionReason, tenant: TenantID, at now: Timestamp,
    in tx: borrowing Transaction
  ) throws -> DeletionOutcome {
    var outcome = DeletionOutcome()
    guard !keys.isEmpty else { return outcome }
    try Tenants.lockGovernance(tenant, exclusive: false, in: tx)
    let locators = try Locators.find(keys, in: tx).values
      .filter { $0.tenant == tenant && $0.isThere }.sorted { $0.key < $1.key }
    let held = try heldBy(locators.map(\.key), in: tx)
    outcome.held = held.map { ($0.key, $0.value) }.sorted { $0.key < $1.key }
    let free = locators.filter { held[$0.key] == nil }
    outcome.floored = try Floors.running(
      reason.floors, on: free.map(\.key), tenant: tenant, at: now, in: tx)
    let due = free.filter { outcome.floored[$0.key] == nil }
    let gone = try setState(reason.state, due.map(\.key), in: tx)
    outcome.deleted = due.filter { gone.contains($0.key) }
    try removeHot(outcome.deleted, in: tx)
    if reason == .deletedByMember { try setState(.restricted, outcome.kept, in: tx) }
    try noteDeaths(outcome.deleted, at: now, in: tx)
    return outcome
  }

  /// Hides messages of a person who is being erased that have to be kept, and takes their hot rows away: the caller
  /// has stored copies of them in the same transaction. What others did to the messages stays with them.
  package static func restrict(_ locators: [Locator], at now: Timestamp, in tx: borrowing Transaction) throws
  {
    guard !locators.isEmpty else { return }
    try setState(.restricted, locators.map(\.key), in: tx)
    _ = try Messages.removeHot(locators.map { ($0.route, $0.conversation, $0.position) }, in: tx)
    try noteDeaths(locators, at: now, in: tx)
  }

  private static func noteDeaths(_ locators: [Locator], at now: Timestamp, in tx: borrowing Transaction)
    throws
  {
    for (tenant, gone) in Dictionary(grouping: locators, by: \.tenant) {
      try Archive.noteDeaths(
        in: Set(gone.map { Period(containing: $0.position.createdAt) }), tenant: tenant, at: now, in: tx)
    }
  }

  /// Which of the messages are under which active holds.
  package static func heldBy(_ keys: [MessageKey], in tx: borrowing Transaction) throws -> [MessageKey:
    [Int64]]
  {
    guard !keys.isEmpty else { return [:] }
    let rows = try tx.execute(heldBy, [.int8Array(keys.map(\.high)), .int8Array(keys.map(\.low))])
    var held: [MessageKey: [Int64]] = [:]
    for row in 0..<rows.count {
      held[MessageKey(high: rows.int64(row, 0), low: rows.int64(row, 1)), default: []].append(
        rows.int64(row, 2))
    }
    return held
  }

  /// Returns the messages that were there still: another's deletion may have come in between.
  @discardableResult
  static func setState(_ state: Locator.State, _ keys: [MessageKey], in tx: borrowing Transaction)
    throws -> Set<MessageKey>
  {
    guard !keys.isEmpty else { return [] }
    let rows = try tx.execute(
      setState, [.int2(state.rawValue), .int8Array(keys.map(\.high)), .int8Array(keys.map(\.low))])
    return Set((0..<rows.count).map { MessageKey(high: rows.int64($0, 0), low: rows.int64($0, 1)) })
  }

  private static func removeHot(_ locators: [Locator], in tx: borrowing Transaction) throws {
    guard !locators.isEmpty else { return }
    _ = try Messages.removeHot(locators.map { ($0.route, $0.conversation, $0.position) }, in: tx)
    try tx.execute(
      removeAmendments,
      [
        .int8Array(locators.map(\.route.rawValue)), .int8Array(locators.map(\.conversation.rawValue)),
        .int8Array(locators.map(\.key.high)), .int8Array(locators.map(\.key.low)),
      ])
    try RetentionLabels.remove(locators.map { .message($0.key) }, in: tx)
    try Preservations.removeCopies(of: locators.map(\.key), in: tx)
  }

  private static let heldBy = """
    SELECT l.route_key, l.message_low, h.hold_id FROM message_locator l JOIN hold h ON \(Holds.keeps)
    WHERE (l.route_key, l.message_low) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))
      AND h.released_at IS NULL ORDER BY h.hold_id
    """
  // What is gone stays as it went. The digest of an erased message would confirm a guess of what it said.
  private static let setState = """
    UPDATE message_locator SET state = $1, digest = CASE WHEN $1 = 4 THEN 0 ELSE digest END
    WHERE state IN (1, 5) AND (route_key, message_low) IN (SELECT * FROM unnest($2::bigint[], $3::bigint[]))
    RETURNING route_key, message_low
    """
  // A deletion's own record (kind 2) stays: it is the evidence that and when somebody deleted.
  private static let removeAmendments = """
    DELETE FROM amendment WHERE kind <> 2 AND (route_key, conversation_id, message_high, message_low) IN
      (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]))
    """
}
