import AuditLog
import Catalog
import Governance
import History
import Model
import Postgres

extension RetentionService {
  /// Deletes what is due, hot and cold alike, a batch a transaction; what was done before a failure stays done,
  /// and the next run goes on with the rest. Holds and policies are asked again inside each transaction.
  package func apply(dryRun: Bool = false, actor: String) async throws -> RetentionRun {
    var run = RetentionRun(dryRun: dryRun)
    try await expire(&run, actor: actor)
    try await deleteReleased(&run, actor: actor)
    if !dryRun { try await endPeriods(&run, actor: actor) }
    try await countKept(&run)
    return run
  }

  private func expire(_ run: inout RetentionRun, actor: String) async throws {
    let (tenant, now) = (tenant, now())
    let (history, ownUpTo, events) = try await database.transaction { tx in
      (
        try Self.policies(of: tenant, in: tx), try Self.ownUpTo(now, tenant: tenant, in: tx),
        try RetentionEvents.earliest(tenant: tenant, in: tx)
      )
    }
    run.policySet = history.version
    let inForce = history.inForce(at: now)
    let reach = RetentionReach(inForce).due(by: inForce, at: now, events: events)
    guard !reach.isEmpty || ownUpTo != nil else { return }
    var cursor: ScanPosition?
    var queue = try await database.transaction { tx in
      try ReviewQueue(history.policies, tenant: tenant, at: now, in: tx)
    }
    let reviews = queue
    repeat {
      let after = cursor
      let page = try await database.transaction { tx in
        try DuePage(
          reach, ownUpTo: ownUpTo, history.policies, reviews, tenant: tenant, after: after, at: now, in: tx)
      }
      queue.join(page.reviews)
      run.add(page)
      if !run.dryRun, !page.due.isEmpty {
        try await delete(.expiry(page.due), &run, at: now, actor: actor)
      }
      if !run.dryRun, !page.relabelled.isEmpty {
        run.relabelled += try await relabel(RelabelBatch(keys: page.relabelled), at: now, actor: actor)
      }
      cursor = page.next
    } while cursor != nil
    run.inReview = queue.waitingMessages
    guard !run.dryRun, history.policies.contains(where: \.review) else { return }
    let found = queue
    try await database.transaction { tx in try found.record(in: tx) }
  }

  /// The newest message that could be due by its conversation's own retention days; `nil`: none has any.
  static func ownUpTo(_ now: Timestamp, tenant: TenantID, in tx: borrowing Transaction) throws -> Timestamp? {
    try RetentionScan.fewestOwnDays(tenant: tenant, in: tx).map { now.adding(seconds: -Int64($0) * 86_400) }
  }

  /// A hold's release destroys nothing by itself: what members had deleted under it goes here, after the grace; and
  /// what they deleted within a floor, when that has ended.
  private func deleteReleased(_ run: inout RetentionRun, actor: String) async throws {
    let (tenant, now) = (tenant, now())
    let releasedBefore = now.adding(seconds: -graceSeconds)
    var cursor: MessageKey?
    repeat {
      let after = cursor
      let (page, floors, unsettled) = try await database.transaction { tx in
        let page = try RetentionScan.released(
          tenant: tenant, releasedBefore: releasedBefore, after: after, limit: Self.batchMessagesMax, in: tx)
        let keys = page.map(\.key)
        let messages = try RetentionScan.find(keys, tenant: tenant, in: tx)
        return (
          page, try Floors.running(.all, on: keys, tenant: tenant, at: now, in: tx),
          Set(messages.filter { !$0.isSettled(at: now) }.map(\.locator.key))
        )
      }
      let free = page.filter { floors[$0.key] == nil && !unsettled.contains($0.key) }
      if run.dryRun {
        run.released += free.count
      } else if !free.isEmpty {
        try await delete(.release(free), &run, at: now, actor: actor)
      }
      cursor = page.count == Self.batchMessagesMax ? page.last?.key : nil
    } while cursor != nil
  }

  private func delete(
    _ batch: DeletionBatch, _ run: inout RetentionRun, at now: Timestamp, actor: String
  ) async throws {
    let (tenant, groups, audit) = (tenant, groups, audit)
    let draft = try await notices?.draft(of: batch.locators, at: now)
    let result = try await database.transaction { tx in
      let result = try batch.execute(
        tenant: tenant, groups: groups, audit: audit, at: now, actor: actor, in: tx)
      try draft?.store(result.deleted, erased: false, at: now, in: tx)
      return result
    }
    run.add(result, of: batch)
  }

  private func relabel(_ batch: RelabelBatch, at now: Timestamp, actor: String) async throws -> Int {
    let (tenant, audit, graceSeconds) = (tenant, audit, graceSeconds)
    return try await database.transaction { tx in
      try batch.execute(
        tenant: tenant, audit: audit, graceSeconds: graceSeconds, at: now, actor: actor, in: tx)
    }
  }

  /// Up to a bound: counting all there is would cost more than the deletions of a quiet day.
  private func countKept(_ run: inout RetentionRun) async throws {
    let tenant = tenant
    let counted = run.held + run.pending + run.inReview + (run.dryRun ? run.due + run.released : 0)
    let limit = counted + RetentionRun.keptMax
    let there = try await database.transaction { tx in
      try Locators.countThere(tenant: tenant, upTo: limit, in: tx)
    }
    run.kept = max(0, there - counted)
  }
}

/// One page of a scan: what of it is due.
private struct DuePage: Sendable {
  var due: [Locator] = []
  var held: [MessageKey: [Int64]] = [:]
  var pending = 0
  /// What a decision gives a label.
  var relabelled: [MessageKey] = []
  /// What waits for a decision.
  var reviews: ReviewQueue
  /// Where the next page starts; `nil`: this was the last.
  var next: ScanPosition?

  init(
    _ reach: RetentionReach, ownUpTo: Timestamp?, _ policies: [Policy], _ reviews: ReviewQueue,
    tenant: TenantID, after cursor: ScanPosition?, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    self.reviews = reviews
    let page = try RetentionScan.page(
      reach, ownUpTo: ownUpTo, tenant: tenant, after: cursor, limit: RetentionService.batchMessagesMax, in: tx
    )
    var candidates: [Locator] = []
    var waiting: [(Locator, ReviewGroup, Int32)] = []
    for message in page.messages {
      let disposition = message.disposition(policies, at: now)
      switch disposition.verdict {
      case .due: candidates.append(message.locator)
      case .review:
        switch reviews.outcome(message, disposition, policies) {
        case .due: candidates.append(message.locator)
        case .kept: break
        case .relabelled: relabelled.append(message.locator.key)
        case .waits(let group, let version): waiting.append((message.locator, group, version))
        }
      case .pending: pending += 1
      default: break
      }
    }
    held = try Deletions.heldBy(candidates.map(\.key) + waiting.map(\.0.key), in: tx)
    for (locator, group, version) in waiting where held[locator.key] == nil {
      self.reviews.wait(locator, in: group, version)
    }
    due = candidates.filter { held[$0.key] == nil }
    next = page.next
  }
}

extension RetentionRun {
  fileprivate mutating func add(_ page: DuePage) {
    due += page.due.count
    held += page.held.count
    holds.formUnion(page.held.values.joined())
    pending += page.pending
  }

  fileprivate mutating func add(_ result: DeletionBatch.Result, of batch: DeletionBatch) {
    guard case .expiry = batch else {
      released += result.deleted.count
      return
    }
    deleted += result.deleted.count
    // A hold that was placed, or a rule or clock that changed, since the page was read.
    due -= result.held.count + result.notDueAnyMore
    held += result.held.count
    holds.formUnion(result.held.flatMap(\.holds))
  }
}
