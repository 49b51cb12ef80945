import AuditLog
import Catalog
import History
import KeyVault
import Model
import Postgres
import SearchIndex

/// Erasing less than a person: a message, a conversation, a person in one conversation. Nobody's own key can go for
/// that, so that what is erased is taken out of every store, the archive's segments included; what has to be kept
/// stays where it is, hidden. A conversation's key goes when nothing of it is left.
extension ErasureService {
  /// As ``run(_:actor:)`` does for a person. Every step may be repeated.
  func runScoped(_ row: ErasureRow, actor: String) async throws -> Certificate {
    var steps = try Self.steps(row)
    let markers = try await markers(row)
    try await beginScoped(row, actor: actor)
    do {
      try record(row)
      try await removeScoped(row, &steps)
      try await removeOwnChanges(row, &steps)
      try await purgeScoped(row, &steps)
      try await endConversation(row, &steps, actor: actor)
      let now = now()
      // Evidence may have been handed out of what was kept since.
      let packagesUntil = row.state == .restricted ? row.requestedAt : now
      let residue = try await residueScoped(row, markers: markers, until: now, packagesUntil: packagesUntil)
      try residue.check("; run the erasure again")
      var restricted = 0
      try await forEachBatch(row, states: [.restricted]) { restricted += $0.count }
      steps.restricted = restricted
      return try await certify(row, subject: row.subject, steps: steps, residue, actor: actor)
    } catch {
      try await keep(steps, .partial, row)
      throw error
    }
  }

  /// Looks at a restricted one again; nothing is made anew while the same is kept on the same grounds.
  func reconsiderScoped(_ row: ErasureRow, actor: String) async throws -> Certificate {
    let (tenant, now) = (tenant, now())
    var free = 0
    try await forEachBatch(row, states: [.restricted]) { batch in
      let grace = now.adding(seconds: -settings.graceSeconds)
      free += try await database.transaction { tx in
        let grounds = try Grounds(of: batch.map(\.key), tenant: tenant, at: now, in: tx)
        let recent = try Holds.covering(batch.map(\.key), releasedSince: grace, in: tx)
        return batch.count { grounds.byKey[$0.key] == nil && !recent.contains($0.key) }
      }
    }
    if free == 0, try await !kept(row).isEmpty, let text = row.certificate {
      return try Certificate(json: text)
    }
    return try await runScoped(row, actor: actor)
  }

  private func beginScoped(_ row: ErasureRow, actor: String) async throws {
    let (tenant, now, audit) = (tenant, now(), audit)
    guard row.state != .restricted else { return }
    try await database.transaction { tx in
      try Self.begin(row.id, in: tx)
      _ = try audit.append(
        [Self.entry("erasure.started", row.id, actor, tenant, ["scope": row.scope.name])], at: now, in: tx)
    }
  }

  /// Goes through the messages of a scope in batches. The body may take them away.
  func forEachBatch(
    _ row: ErasureRow, states: Set<Locator.State>, _ body: ([Locator]) async throws -> Void
  ) async throws {
    switch row.scope {
    case .message(let key):
      let locator = try await database.transaction { tx in try Locators.find(key, in: tx) }
      if let locator, states.contains(locator.state) { try await body([locator]) }
    case .conversation(let route, let conversation):
      var span = HistoryReader.Span(
        conversation: conversation, route: route, tenant: tenant, ascending: true)
      while true {
        let page = try await history.page(span, limit: Self.batchMessages / 2, states: states)
        guard let last = page.last else { return }
        try await body(page.map(\.locator))
        span.after = last.position
      }
    case .subject, .subjectIn:
      guard let subject = row.subject else { return }
      var cursor: MessageKey?
      while true {
        let after = cursor
        let batch = try await database.transaction { tx in
          try Locators.bySender(
            subject, states: Array(states), after: after, limit: Self.batchMessages, in: tx)
        }
        guard let last = batch.last else { return }
        let inside = batch.filter {
          row.scope.conversation == nil || $0.conversation == row.scope.conversation?.id
        }
        if !inside.isEmpty { try await body(inside) }
        cursor = last.key
      }
    }
  }

  private func removeScoped(_ row: ErasureRow, _ steps: inout ErasureSteps) async throws {
    let now = now()
    try await forEachBatch(row, states: [.live, .restricted]) { batch in
      let (tenant, groups, graceSeconds) = (tenant, settings.groups, settings.graceSeconds)
      let draft = try await notices?.draft(of: batch, at: now)
      let gone = try await database.transaction { tx in
        try Tenants.lockGovernance(tenant, exclusive: false, in: tx)
        // A hold's release destroys nothing by itself: what it kept waits for the grace to be over.
        let recent = try Holds.covering(
          batch.filter { $0.state == .restricted }.map(\.key),
          releasedSince: now.adding(seconds: -graceSeconds), in: tx)
        let asked = batch.filter { !recent.contains($0.key) }
        let outcome = try Deletions.delete(asked.map(\.key), for: .erasure, tenant: tenant, at: now, in: tx)
        let kept = Set(outcome.kept)
        let hidden = batch.filter { kept.contains($0.key) && $0.state == .live }
        try Deletions.hide(hidden, in: tx)
        for (group, messages) in Dictionary(
          grouping: outcome.deleted + hidden, by: { $0.route.group(of: groups) }
        ).sorted(by: { $0.key < $1.key }) {
          try Feed.append(.removed, messages.map(\.key), group: Int16(group), in: tx)
        }
        try draft?.store(outcome.deleted + hidden, erased: true, at: now, in: tx)
        // A package that has what goes here does not outlive it, whatever becomes of this run.
        var packages = 0
        for sender in Set(outcome.deleted.map(\.sender)).sorted() {
          packages += try Exports.withdraw(containing: sender, at: now, in: tx).count
        }
        return (messages: outcome.deleted.count, packages: packages)
      }
      steps.messages += gone.messages
      steps.packages += gone.packages
      try await keep(steps, row.state == .restricted ? .restricted : .running, row)
    }
    if row.state != .restricted { steps.packages += try await withdrawLeft(row, at: now) }
    try await deletePackages()
    try await keep(steps, row.state == .restricted ? .restricted : .running, row)
  }

  /// Packages that were finished while messages went, and those that a run which died left.
  private func withdrawLeft(_ row: ErasureRow, at now: Timestamp) async throws -> Int {
    try await database.transaction { tx in
      try Exports.withdraw(
        holdingErased: row.scope, by: row.subject, tenant: row.tenant, madeUpTo: now, at: now, in: tx)
    }
  }

  /// What the person did to messages of others in the conversation goes too, unless those have to be kept.
  private func removeOwnChanges(_ row: ErasureRow, _ steps: inout ErasureSteps) async throws {
    guard case .subjectIn(_, let conversation) = row.scope, let subject = row.subject else { return }
    let (tenant, now, groups) = (tenant, now(), settings.groups)
    steps.changes += try await database.transaction { tx in
      try Tenants.lockGovernance(tenant, exclusive: false, in: tx)
      let changed = try Locators.find(try Amendments.changed(by: subject, in: tx), in: tx).values.filter {
        $0.conversation == conversation
      }
      let grounds = try Grounds(of: changed.map(\.key), tenant: tenant, at: now, in: tx)
      let free = changed.filter { grounds.byKey[$0.key] == nil }.sorted { $0.key < $1.key }
      let count = try Amendments.remove(by: subject, of: free.map(\.key), in: tx)
      for (group, messages) in Dictionary(
        grouping: free.filter { $0.state == .live }, by: { $0.route.group(of: groups) }
      ).sorted(by: { $0.key < $1.key }) {
        try Feed.append(.edited, messages.map(\.key), group: Int16(group), in: tx)
      }
      return count
    }
  }

  /// Index and archive, whose files would hold what was deleted until their own compaction.
  private func purgeScoped(_ row: ErasureRow, _ steps: inout ErasureSteps) async throws {
    let group = try await place(row).map { $0.route.group(of: settings.groups) }
    try await purgeDeleted(group.map { [$0] } ?? [])
    steps.indexGroups = group == nil ? 0 : 1
  }

  /// Where the scope's messages lie.
  func place(_ row: ErasureRow) async throws -> (route: RouteKey, id: ConversationID)? {
    if let conversation = row.scope.conversation { return conversation }
    guard case .message(let key) = row.scope else { return nil }
    return try await database.transaction { tx in
      try Locators.find(key, in: tx).map { ($0.route, $0.conversation) }
    }
  }

  /// A conversation of which nothing is left loses its key: segments and backups do not give it back, and nothing
  /// more is taken in for it.
  private func endConversation(_ row: ErasureRow, _ steps: inout ErasureSteps, actor: String) async throws {
    guard case .conversation(let route, let conversation) = row.scope else { return }
    guard try await kept(row).isEmpty else { return }
    let (tenant, now, audit) = (tenant, now(), audit)
    let owner = KeyOwner.conversation(tenant, conversation)
    let destroyed = try await database.transaction { tx in
      try Tenants.lockGovernance(tenant, exclusive: false, in: tx)
      guard try !Erasures.isNamedByHold(conversation, in: tx) else { return false }
      try KeyVault.destroy([owner], reason: Handle.text("erasure", row.id), at: now, in: tx)
      try RetentionLabels.remove([.conversation(route, conversation)], in: tx)
      try RetentionEvents.removeAll(of: .conversation(route, conversation), in: tx)
      // Whoever stores a message keeps the key until it is stored: from here on nothing more comes.
      guard try !Erasures.hasMessages(route: route, conversation: conversation, in: tx) else {
        throw ErasureError(.busy, "messages came into the conversation meanwhile; run the erasure again")
      }
      _ = try audit.append(
        [Self.entry("key.destroyed", row.id, actor, tenant, ["kind": "conversation"])], at: now, in: tx)
      return true
    }
    guard destroyed else { return }
    vault.forget([owner])
    directory.invalidate()
    steps.keysDestroyed = ["conversation"]
    _ = try await vault.rotate(now: now, backupWindowSeconds: settings.backupWindowSeconds)
    steps.keyShardRotated = true
  }
}
