import Catalog
import History
import KeyVault
import Model
import Postgres

extension PreparedBatch {
  /// The one transaction of a batch: rows, changes, feed, source position, and what is set aside.
  func store(in tx: borrowing Transaction) throws -> IngestResult {
    var batch = self
    var result = IngestResult()
    result.duplicates = duplicatesWithin
    try SubjectTokens.lock(Set(names.map(\.subject)), tenant: tenant, in: tx)
    try batch.pinSubjects(in: tx)
    // A key that was destroyed since it was fetched would seal these messages away for ever.
    guard try vault.alive(lanes, in: tx) else {
      throw CatalogError(.staleDirectory, "a key was destroyed while its batch was prepared")
    }
    try Partitions.ensure(Set(messages.map { Period(containing: $0.message.createdAt) }), in: tx)
    try Feed.lock(groups: batch.touchedGroups, in: tx)
    let repeated = try batch.repeatedEvents(in: tx)
    batch.refusedEvents = []  // what was refused before the transaction is not among those seen
    try batch.storeMessages(except: repeated, in: tx, &result)
    for change in changes where !repeated.contains(change.step.item.line) {
      try batch.apply(change, in: tx, &result)
    }
    let renamed = try batch.storeNames(except: repeated, in: tx)
    for step in others where !repeated.contains(step.item.line) {
      try batch.apply(step, renamed, in: tx, &result)
    }
    try SearchCoverage.note(batch.coverage, tenant: tenant, in: tx)
    result.duplicates += repeated.count
    _ = try Memberships.join(members, tenant: tenant, in: tx)
    try batch.linkAuthors(in: tx)
    try SetAside.insert(batch.rejected, in: tx)
    // Otherwise trying them again would take them for repetitions, and drop them.
    try Sources.unsee(batch.refusedEvents, in: tx)
    result.setAsideCount = batch.rejected.count
    result.setAside = batch.rejected.sorted { $0.line < $1.line }.prefix(IngestResult.noticesMax)
      .map { SetAsideNotice(line: $0.line, code: $0.code, detail: $0.detail) }
    // The last of all locks, as all of the tenant's deletions wait for it.
    try batch.notices?.store(batch.gone, erased: false, at: now, in: tx)
    try Sources.record(source: source, position: position, tenant: tenant, at: now, in: tx)
    return result
  }

  private func pinSubjects(in tx: borrowing Transaction) throws {
    var subjects: Set<SubjectID> = []
    forEachStep { step in if let subject = step.subject { subjects.insert(subject) } }
    guard try subjects.isEmpty || Subjects.pin(Array(subjects), tenant: tenant, in: tx) else {
      throw CatalogError(.staleDirectory, "a subject was erased while its batch was prepared")
    }
  }

  /// Goes over all steps in place: an array of them all would copy every event, and cost as much as the statements.
  private func forEachStep(_ body: (borrowing Ingestor.Step) -> Void) {
    for place in messages.indices { body(messages[place].step) }
    for place in changes.indices { body(changes[place].step) }
    for place in others.indices { body(others[place]) }
  }

  private var touchedGroups: Set<Int16> {
    Set(messages.map(\.message.group) + changes.map { group($0.row.route) })
  }

  /// Lines whose event id was seen before.
  private func repeatedEvents(in tx: borrowing Transaction) throws -> Set<Int64> {
    var lines: [Int64] = []
    var keys: [MessageKey] = []
    var within: Set<MessageKey> = []
    var repeated: Set<Int64> = []
    forEachStep { step in
      guard let key = step.eventKey else { return }
      guard within.insert(key).inserted else {
        repeated.insert(step.item.line)
        return
      }
      lines.append(step.item.line)
      keys.append(key)
    }
    return repeated.union(try Sources.seen(keys, in: tx).map { lines[$0] })
  }

  private mutating func storeMessages(
    except repeated: Set<Int64>, in tx: borrowing Transaction, _ result: inout IngestResult
  ) throws {
    let new = repeated.isEmpty ? messages : messages.filter { !repeated.contains($0.step.item.line) }
    let known = try Messages.store(new.map(\.message), tenant: tenant, in: tx)
    for entry in known {
      if entry.isDuplicate { result.duplicates += 1 } else { rejectConflict(new[entry.ordinal].step) }
    }
    result.accepted += new.count - known.count
    guard known.count < new.count else {
      coverage = TokenCoverage()
      return
    }
    for row in try Amendments.takeWaiting(new.map { ($0.message.key, $0.message.conversation) }, in: tx) {
      _ = try change(row, locator: Locators.find(row.key, in: tx), in: tx)
    }
  }

  private enum Effect { case changed, nothing, gone, elsewhere }

  private mutating func apply(_ change: Change, in tx: borrowing Transaction, _ result: inout IngestResult)
    throws
  {
    let locator = try Locators.find(change.row.key, in: tx)
    switch try self.change(change.row, locator: locator, in: tx) {
    case .changed: result.accepted += 1
    case .nothing: result.duplicates += 1
    case .gone: reject(change.step, code: "message_gone", detail: "the message was deleted before")
    case .elsewhere:
      reject(change.step, code: "conflict", detail: "the message lies in another conversation")
    }
  }

  /// Merges a change with its message, or lets it wait for it.
  private mutating func change(_ row: AmendmentRow, locator: Locator?, in tx: borrowing Transaction) throws
    -> Effect
  {
    guard let locator else { return try Amendments.wait(row, tenant: tenant, in: tx) ? .changed : .nothing }
    guard locator.conversation == row.conversation else { return .elsewhere }
    guard locator.state == .live else { return row.kind == .deletion ? .nothing : .gone }
    guard try Amendments.insert(row, in: tx) else { return .nothing }
    switch row.kind {
    case .edit:
      // From now on the message is found by what the edit says, if by anything.
      coverage.note(
        row.tokens ?? TokenKind(.none), at: locator.position.createdAt, route: row.route,
        conversation: row.conversation)
      try Feed.append(.edited, row.key, group: group(row.route), in: tx)
    case .reaction: try Feed.append(.edited, row.key, group: group(row.route), in: tx)
    case .deletion:
      _ = try Deletions.delete([row.key], for: .deletedByMember, tenant: tenant, at: now, in: tx)
      gone.append(locator)
      try Feed.append(.removed, row.key, group: group(row.route), in: tx)
    }
    return .changed
  }

  private mutating func apply(
    _ step: Ingestor.Step, _ renamed: Set<SubjectID>, in tx: borrowing Transaction,
    _ result: inout IngestResult
  ) throws {
    if case .memberLeft(let member) = step.item.event, try !fits(step, leftAt: member.at, in: tx) {
      return reject(
        step, code: "not_a_member", detail: "nobody of that id was in the conversation at the time")
    }
    if try applied(step, renamed, in: tx) { result.accepted += 1 } else { result.duplicates += 1 }
  }

  /// Whether the step ends a membership, or repeats what ended one.
  private func fits(_ step: Ingestor.Step, leftAt time: Timestamp, in tx: borrowing Transaction) throws
    -> Bool
  {
    guard let conversation = step.conversation, let subject = step.subject else { return true }
    return try Memberships.wasIn(
      route: conversation.route, conversation: conversation.id, subject: subject, at: time, in: tx)
  }

  /// Events without a sealed part; returns whether anything changed.
  private func applied(
    _ step: Ingestor.Step, _ renamed: Set<SubjectID>, in tx: borrowing Transaction
  ) throws -> Bool {
    let conversation = step.conversation
    switch step.item.event {
    case .receipt(let receipt):
      guard let conversation, let subject = step.subject, let key = step.key else { return false }
      return try Sources.receipt(
        route: conversation.route, conversation: conversation.id, subject: subject,
        state: receipt.state == .delivered ? 1 : 2, upTo: key, at: receipt.at, in: tx)
    case .memberJoined(let member):
      guard let conversation, let subject = step.subject else { return false }
      return try Memberships.join(
        [
          (
            conversation.route, conversation.id, subject, member.at, member.seesHistoryFrom ?? member.at,
            member.role
          )
        ], tenant: tenant, in: tx) > 0
    case .memberLeft(let member):
      guard let conversation, let subject = step.subject else { return false }
      return try Memberships.leave(
        route: conversation.route, conversation: conversation.id, subject: subject, at: member.at, in: tx)
    case .conversationClosed(_, let at):
      guard let conversation else { return false }
      return try Conversations.close(conversation.id, route: conversation.route, at: at, in: tx)
    case .userDeactivated:
      guard let subject = step.subject else { return false }
      return try Subjects.deactivate(subject, tenant: tenant, in: tx)
    case .userUpserted(let user):
      return changed.subjects.contains(user.subjectID) || step.subject.map(renamed.contains) ?? false
    case .conversationUpserted(let upsert): return changed.conversations.contains(upsert.conversationID)
    case .messageCreated, .messageEdited, .messageDeleted, .reaction: return false
    }
  }

  /// Of what came for one person the last counts. Returns whose tokens are others than before.
  private func storeNames(except repeated: Set<Int64>, in tx: borrowing Transaction) throws -> Set<SubjectID>
  {
    var last: [SubjectID: SubjectTokens.Names] = [:]
    for change in names where !repeated.contains(change.line) { last[change.subject] = change.names }
    return try SubjectTokens.replace(last, tenant: tenant, in: tx)
  }

  /// Authors need not be members: where they wrote is noted for subject-wide work.
  private func linkAuthors(in tx: borrowing Transaction) throws {
    let joined = Set(members.map { AuthorPlace(subject: $0.subject, conversation: $0.conversation) })
    var places: [AuthorPlace: RouteKey] = [:]
    forEachStep { step in
      guard let subject = step.subject, let conversation = step.conversation else { return }
      places[AuthorPlace(subject: subject, conversation: conversation.id)] = conversation.route
    }
    try Memberships.link(
      places.filter { !joined.contains($0.key) }.map { ($0.key.subject, $0.key.conversation, $0.value) },
      tenant: tenant, in: tx)
  }

  private struct AuthorPlace: Hashable {
    let subject: SubjectID
    let conversation: ConversationID
  }
}
