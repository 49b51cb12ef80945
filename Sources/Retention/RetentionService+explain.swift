import Catalog
import Governance
import History
import KeyVault
import Model
import Postgres

extension RetentionService {
  /// Explains the message of the platform's id, in whatever tier or state; `nil` if no such message was ever
  /// stored.
  package func explain(_ messageID: String) async throws -> Explanation? {
    let key = directory.hasher.messageKey(messageID)
    let tenant = tenant
    let facts = try await database.transaction { tx in try MessageFacts(key, tenant: tenant, in: tx) }
    guard let facts else { return nil }
    let locator = facts.message.locator
    let matters = try await HoldSeal(tenant: tenant, vault: vault).open(facts.holds).mapValues(\.matter)
    let holds = facts.holds.map { row in
      Hold(
        id: row.id, matter: matters[row.id] ?? Handle.text("hold", row.id), from: row.from,
        to: row.to,
        silent: row.silent)
    }
    let now = now()
    let item = facts.message.item(tenant)
    let decide = facts.isPreserved ? decideErasure : Governance.decide
    return Explanation(
      messageID: messageID, state: locator.state, createdAt: locator.position.createdAt,
      conversation: try await directory.cards([locator.conversation])[locator.conversation]?.profile.id,
      sender: try await directory.profiles([locator.sender])[locator.sender]?.id,
      tier: facts.isHot ? .hot : facts.isCold ? .cold : nil,
      readable: facts.isPreserved ? true : try await hasKeys(locator), label: facts.message.label,
      events: facts.message.events.compactMapValues(\.at),
      disposition: locator.isThere
        ? decide(item, facts.history.policies, holds, now) : nil,
      holds: facts.holds.map(\.id), policySet: facts.history.version, changes: facts.changes)
  }

  private func hasKeys(_ locator: Locator) async throws -> Bool {
    let owners = locator.keyOwners
    return try await vault.keys(owners, creating: false).count == owners.count
  }
}

/// What the catalogue says of one message, read in one transaction.
private struct MessageFacts: Sendable {
  let message: RetainedMessage
  let history: PolicyHistory
  /// Active ones that cover the message, by the guard's own condition.
  let holds: [HoldRow]
  let changes: [Explanation.Change]
  let isHot: Bool
  let isCold: Bool
  /// Its author is erased; copies are kept for holds or locked floors.
  let isPreserved: Bool

  init?(_ key: MessageKey, tenant: TenantID, in tx: borrowing Transaction) throws {
    guard let message = try RetentionScan.find([key], tenant: tenant, in: tx).first else { return nil }
    let locator = message.locator
    self.message = message
    history = try RetentionService.policies(of: tenant, in: tx)
    let covering = Set(try Deletions.heldBy([key], in: tx)[key] ?? [])
    holds =
      covering.isEmpty
      ? [] : try Holds.list(tenant: tenant, activeOnly: true, in: tx).filter { covering.contains($0.id) }
    changes = try Amendments.find([(locator.route, locator.conversation, key)], in: tx)
      .sorted { ($0.at, $0.version) < ($1.at, $1.version) }
      .map { Explanation.Change(kind: $0.kind, at: $0.at, version: $0.version) }
    isPreserved = try !Preservations.copies(of: [key], in: tx).isEmpty
    isHot = try !Messages.at([locator.place], in: tx).isEmpty
    isCold = try !Archive.blocks(
      holding: [locator.position], route: locator.route, conversation: locator.conversation, in: tx
    ).isEmpty
  }
}

extension Locator {
  /// The keys without which nobody reads the message.
  var keyOwners: Set<KeyOwner> {
    [
      .subject(tenant, sender), .conversation(tenant, conversation),
      .period(tenant, 0, Period(containing: position.createdAt)),
    ]
  }
}
