import AuditLog
package import Catalog
import Governance
import History
import KeyVault
import Model
import Postgres
import Sodium

/// What is to carry a label, by the platform's ids.
package enum LabelTarget: Hashable, Sendable {
  case conversation(String)
  case message(String)
}

/// A label and what carries it, for showing.
package struct LabelView: Hashable, Sendable {
  package let row: LabelRow
  /// The platform's id; of a message's label, where the message lies. `nil` once the conversation's key is gone.
  package let conversation: String?
  /// `nil` for a conversation's label, and where the message cannot be read.
  package let message: String?
}

extension RetentionService {
  /// Gives a message or a conversation its one label, or takes it off. What policies delete by it goes after the grace
  /// at the earliest; what they keep by it is kept from now on.
  /// - Parameter label: `nil`: none.
  /// - Throws: `RetentionError.invalidLabel`, `.unknownConversation` or `.unknownMessage`; `.lockedPolicy` where a
  ///   locked policy is for the label that would go.
  package func setLabel(
    _ label: String?, on target: LabelTarget, justification: String, actor: String
  ) async throws -> LabelView {
    let (tenant, now, audit) = (tenant, now(), audit)
    let new = try await newLabel(label, on: target, justification, at: now)
    let row = try await database.transaction { tx in
      try Tenants.lockGovernance(tenant, exclusive: true, in: tx)
      let place = try LabelPlace(new.item, tenant: tenant, in: tx)
      if place.own?.label == label { return place.own ?? new }
      try place.check(label, try Self.policies(of: tenant, in: tx), at: now)
      try RetentionLabels.set(new, tenant: tenant, in: tx)
      var entry = AuditEntry(
        tenant: tenant, actor: actor, action: label == nil ? "label.removed" : "label.applied", object: "",
        details: ["label": label ?? "", "before": place.own?.label ?? ""],
        personal: ["justification": justification])
      try entry.name(target, by: place.sender, in: tx)
      try audit.append([entry], at: now, in: tx)
      return new
    }
    switch target {
    case .conversation(let id): return LabelView(row: row, conversation: id, message: nil)
    case .message: return try await views([row]).first ?? LabelView(row: row, conversation: nil, message: nil)
    }
  }

  /// What ``setLabel(_:on:justification:actor:)`` would come to, and everything it refuses; nothing is stored.
  package func previewLabel(_ label: String?, on target: LabelTarget, justification: String) async throws
    -> StatementPreview
  {
    let (tenant, now) = (tenant, now())
    let new = try await newLabel(label, on: target, justification, at: now)
    try await database.transaction { tx in
      let place = try LabelPlace(new.item, tenant: tenant, in: tx)
      if place.own?.label != label {
        try place.check(label, try Self.policies(of: tenant, in: tx), at: now)
      }
    }
    return try await preview(.label(new))
  }

  private func newLabel(
    _ label: String?, on target: LabelTarget, _ justification: String, at now: Timestamp
  ) async throws -> LabelRow {
    guard label.map(PolicyDocument.isName) ?? true else {
      throw RetentionError(.invalidLabel, "label: \(PolicyDocument.nameRule)")
    }
    try Self.check(justification, .invalidLabel)
    return LabelRow(
      id: Randomness.identifier(), item: try await item(target), label: label, changedAt: now,
      settlesAt: now.adding(seconds: graceSeconds))
  }

  /// Labels there are, in the order of their ids.
  /// - Parameter label: only that one.
  package func labels(_ label: String? = nil, after cursor: Int64 = .min, limit: Int = 1_000) async throws
    -> [LabelView]
  {
    let tenant = tenant
    return try await views(
      try await database.transaction { tx in
        try RetentionLabels.list(label, tenant: tenant, after: cursor, limit: limit, in: tx)
      })
  }

  private func item(_ target: LabelTarget) async throws -> LabelledItem {
    switch target {
    case .message(let id): return .message(directory.hasher.messageKey(id))
    case .conversation(let id):
      let card = try await knownConversation(id)
      return .conversation(card.route, card.conversation)
    }
  }

  /// One whose key there is.
  func knownConversation(_ id: String) async throws -> ConversationCard {
    guard let card = try await directory.conversation(id),
      try await !vault.keys([.conversation(tenant, card.conversation)], creating: false).isEmpty
    else { throw RetentionError(.unknownConversation, "no conversation \"\(id)\" is known") }
    return card
  }

  private func views(_ rows: [LabelRow]) async throws -> [LabelView] {
    let keys = rows.compactMap { if case .message(let key) = $0.item { key } else { nil } }
    let located = try await database.transaction { tx in try Locators.find(keys, in: tx) }
    let messages = try await history.messages(
      keys.compactMap { located[$0]?.place }, states: [.live, .restricted])
    let ids = Dictionary(messages.map { ($0.locator.key, $0.original.messageID) }) { first, _ in first }
    let conversations = rows.map { row -> ConversationID? in
      switch row.item {
      case .conversation(_, let id): id
      case .message(let key): located[key]?.conversation
      }
    }
    let cards = try await directory.cards(Set(conversations.compactMap { $0 }))
    return zip(rows, conversations).map { row, conversation in
      var message: String?
      if case .message(let key) = row.item { message = ids[key] }
      return LabelView(
        row: row, conversation: conversation.flatMap { cards[$0]?.profile.id }, message: message)
    }
  }
}

extension AuditEntry {
  /// A message's id goes with its author; of an author who is erased already it is not kept.
  fileprivate mutating func name(_ target: LabelTarget, by sender: SubjectID?, in tx: borrowing Transaction)
    throws
  {
    switch target {
    case .conversation(let id): (object, personal["conversation"]) = ("conversation", id)
    case .message(let id):
      object = "message"
      guard let tenant, let sender, let row = try Subjects.find([sender], tenant: tenant, in: tx).first else {
        return
      }
      personal["message"] = id
      mentions = [Mention(row.hash, part: "message")]
    }
  }
}

/// What a label is to be put on, as the transaction that does it finds it.
private struct LabelPlace {
  /// The item's own row.
  let own: LabelRow?
  /// Of a message's conversation.
  let shared: String?
  /// Who wrote it, if it is a message.
  let sender: SubjectID?

  init(_ item: LabelledItem, tenant: TenantID, in tx: borrowing Transaction) throws {
    switch item {
    case .conversation(_, let id):
      guard try KeyVault.exist([.conversation(tenant, id)], in: tx) else {
        throw RetentionError(.unknownConversation, "the conversation was erased")
      }
      own = try RetentionLabels.find([item], tenant: tenant, in: tx)[item]
      (shared, sender) = (nil, nil)
    case .message(let key):
      guard let locator = try Locators.find(key, in: tx), locator.tenant == tenant, locator.isThere else {
        throw RetentionError(.unknownMessage, "no message of that id is there in this tenant")
      }
      let conversation = LabelledItem.conversation(locator.route, locator.conversation)
      let found = try RetentionLabels.find([item, conversation], tenant: tenant, in: tx)
      (own, shared, sender) = (found[item], found[conversation]?.label, locator.sender)
    }
  }

  /// A label that a locked policy is for stays where it is: taking it off would undo the policy for the item.
  func check(_ label: String?, _ history: PolicyHistory, at now: Timestamp) throws(RetentionError) {
    guard let before = own?.label ?? shared, before != label ?? shared else { return }
    let locked = (history.inForce(at: now) + history.inForce(at: .latest)).first {
      $0.locked && $0.scope == .label(before)
    }
    guard let locked else { return }
    throw RetentionError(
      .lockedPolicy,
      "locked policy \(locked.id) is for the label \(before), which can neither be taken off nor replaced")
  }
}
