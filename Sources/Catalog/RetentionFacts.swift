import Governance
package import Model
package import Postgres

/// What may be stated of messages, before it is.
package enum RetentionStatement: Sendable, Hashable {
  case label(LabelRow)
  case event(EventRow)

  package var settlesAt: Timestamp {
    switch self {
    case .label(let row): row.settlesAt
    case .event(let row): row.settlesAt
    }
  }

  /// The messages as they would be if it were stated.
  package func applied(to messages: [RetainedMessage], tenant: TenantID, in tx: borrowing Transaction) throws
    -> [RetainedMessage]
  {
    let facts = try RetentionFacts(of: messages.map(\.locator), stating: self, tenant: tenant, in: tx)
    return messages.map { message in
      let label = facts.label(of: message.locator)
      return RetainedMessage(
        locator: message.locator, kind: message.kind, retentionDays: message.retentionDays,
        closedAt: message.closedAt, editedAt: message.editedAt, label: label.label,
        labelsSettleAt: label.settlesAt, events: facts.events(of: message.locator))
    }
  }
}

/// What was stated of messages for the rules' sake: labels and events.
struct RetentionFacts {
  private let labelled: [LabelledItem: LabelRow]
  private let stated: [EventOwner: [EventRow]]

  /// - Parameter statement: taken to be stated already, in place of what it would replace.
  init(
    of locators: [Locator], stating statement: RetentionStatement? = nil, tenant: TenantID,
    in tx: borrowing Transaction
  ) throws {
    let items = locators.flatMap { [LabelledItem.message($0.key), $0.labelledConversation] }
    let owners = locators.flatMap { [EventOwner.subject($0.sender), $0.eventfulConversation] }
    var labelled = try RetentionLabels.find(Set(items), tenant: tenant, in: tx)
    var events = try RetentionEvents.find(Set(owners), tenant: tenant, in: tx)
    switch statement {
    case .label(let row): labelled[row.item] = row
    case .event(let row):
      events.removeAll { $0.owner == row.owner && $0.event == row.event }
      events.append(row)
    case nil: break
    }
    self.labelled = labelled
    stated = Dictionary(grouping: events, by: \.owner)
  }

  /// The message's own label, or its conversation's; and when both have settled.
  func label(of locator: Locator) -> (label: String?, settlesAt: Timestamp?) {
    let (own, shared) = (labelled[.message(locator.key)], labelled[locator.labelledConversation])
    return (own?.label ?? shared?.label, [own, shared].compactMap { $0?.settlesAt }.max())
  }

  /// Of conversation and author the later one, by name.
  func events(of locator: Locator) -> [String: Item.Occurrence] {
    var found: [String: Item.Occurrence] = [:]
    for owner in [locator.eventfulConversation, .subject(locator.sender)] {
      for row in stated[owner] ?? [] {
        let other = found[row.event]
        found[row.event] = Item.Occurrence(
          at: [other?.at, row.happenedAt].compactMap { $0 }.max(),
          settlesAt: max(other?.settlesAt ?? .earliest, row.settlesAt))
      }
    }
    return found
  }
}

extension Locator {
  fileprivate var labelledConversation: LabelledItem { .conversation(route, conversation) }
  fileprivate var eventfulConversation: EventOwner { .conversation(route, conversation) }
}
