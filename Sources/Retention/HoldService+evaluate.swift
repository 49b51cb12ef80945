import AuditLog
package import Catalog
import History
import Model
import Postgres

/// What reading messages for a hold's query came to.
package struct HoldEvaluation: Hashable, Sendable {
  /// Messages that were read.
  package private(set) var read = 0
  /// Messages that could not be read for now; they are held, and tried again the next time.
  package private(set) var unread = 0
  /// Of those read, what they were found to be.
  package private(set) var findings: [HoldFinding: Int] = [:]

  mutating func add(_ page: [UnreadMessage], _ found: [HoldFindings.Found]) {
    read += found.count
    unread += page.count - found.count
    for one in found { findings[one.finding, default: 0] += 1 }
  }

  package static func += (left: inout HoldEvaluation, right: HoldEvaluation) {
    left.read += right.read
    left.unread += right.unread
    left.findings.merge(right.findings) { $0 + $1 }
  }
}

extension HoldService {
  /// Messages looked at together.
  private static let pageMessages = 1_000
  /// Findings removed in one transaction.
  private static let removedAtOnce = 10_000

  /// Reads what a hold covers and what was not read for its query yet, or was edited since. Until that is done, and
  /// wherever it fails, the hold keeps what it covers. Safe to repeat, and to run twice at once.
  ///
  /// Does nothing for a hold without a query, or one that is released.
  /// - Parameter progress: gets how many messages were read.
  /// - Throws: `RetentionError.unknownHold`, or `.invalidHold` if the query cannot be opened or read.
  package func evaluate(
    _ id: Int64, actor: String, progress: @Sendable (Int) -> Void = { _ in }
  ) async throws -> HoldEvaluation {
    let row = try await row(id)
    var evaluation = HoldEvaluation()
    guard row.byQuery, row.releasedAt == nil else { return evaluation }
    let (query, started) = (try await query(of: row), now())
    var position: ScanPosition?
    repeat {
      try Task.checkCancellation()
      let after = position
      let page = try await database.read { tx in
        try HoldFindings.page(row, after: after, limit: Self.pageMessages, in: tx)
      }
      let found = try await findings(page.unread, query)
      try await database.transaction { tx in try HoldFindings.store(found, hold: id, in: tx) }
      evaluation.add(page.unread, found)
      progress(evaluation.read)
      position = page.next
    } while position != nil
    try await note(evaluation, of: row, at: started, actor: actor)
    return evaluation
  }

  /// As ``evaluate(_:actor:progress:)``, of all holds in force; what released ones left behind goes. One that fails
  /// does not keep the others from being evaluated.
  ///
  /// - Returns: what it came to, and the holds that failed: they keep all they cover.
  package func evaluateAll(actor: String) async throws -> (done: HoldEvaluation, failed: [Int64]) {
    let tenant = tenant
    let rows = try await database.read { tx in try Holds.list(tenant: tenant, in: tx) }.filter(\.byQuery)
    var (done, failed) = (HoldEvaluation(), [Int64]())
    for row in rows where row.releasedAt != nil { try await forgetFindings(of: row.id) }
    for row in rows where row.releasedAt == nil {
      do {
        done += try await evaluate(row.id, actor: actor)
      } catch let error where !(error is CancellationError) {
        failed.append(row.id)
      }
    }
    return (done, failed)
  }

  /// Of a hold that is released.
  func forgetFindings(of hold: Int64) async throws {
    var count = Self.removedAtOnce
    while count == Self.removedAtOnce {
      count = try await database.transaction { tx in
        try HoldFindings.remove(hold, limit: Self.removedAtOnce, in: tx)
      }
    }
  }

  private func query(of row: HoldRow) async throws -> HoldQuery {
    guard let text = try await seal.open([row])[row.id]?.query else {
      throw RetentionError(.invalidHold, "query: the key of \(Handle.text("hold", row.id)) is destroyed")
    }
    return try HoldQuery(text)
  }

  /// Of the messages that can be read. The others are left to the next time, and held.
  private func findings(_ page: [UnreadMessage], _ query: HoldQuery) async throws -> [HoldFindings.Found] {
    guard !page.isEmpty else { return [] }
    let messages = try await history.readable(page.map(\.locator.place), states: [.live, .restricted])
      .messages
    let read = Dictionary(messages.map { ($0.locator.key, $0) }) { first, _ in first }
    let people =
      query.namesPeople ? try await directory.profilesInEvidence(Set(messages.map(\.sender))) : [:]
    let places =
      query.namesConversations ? try await directory.cards(Set(messages.map(\.conversation))) : [:]
    return page.compactMap { unread in
      guard let message = read[unread.locator.key] else { return nil }
      let names = HoldQuery.Names(
        sender: people[message.sender]?.id, conversation: places[message.conversation]?.profile.id)
      return HoldFindings.Found(unread, HoldFinding(query.truth(of: message, edits: unread.edits, names)))
    }
  }

  private func note(
    _ evaluation: HoldEvaluation, of row: HoldRow, at started: Timestamp, actor: String
  ) async throws {
    let (audit, now) = (audit, now())
    try await database.transaction { tx in
      try Holds.noteEvaluated(row.id, at: started, in: tx)
      guard evaluation.read > 0 else { return }
      let entry = AuditEntry(
        tenant: row.tenant, actor: actor, action: "hold.evaluated", object: Handle.text("hold", row.id),
        details: [
          "read": String(evaluation.read), "unread": String(evaluation.unread),
          "matches": String(evaluation.findings[.matches] ?? 0),
          "undecided": String(evaluation.findings[.undecided] ?? 0),
          AuditEntry.silentDetail: String(row.silent),
        ])
      try audit.append([entry], at: now, in: tx)
    }
  }
}

extension HoldFinding {
  fileprivate init(_ truth: Truth) {
    switch truth {
    case .yes: self = .matches
    case .unknown: self = .undecided
    case .no: self = .doesNotMatch
    }
  }
}
