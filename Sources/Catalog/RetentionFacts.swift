import Governance
import Model
import Postgres

/// What was stated of messages for the rules' sake: labels and events.
struct RetentionFacts {
  private let labelled: [LabelledItem: LabelRow]
  private let stated: [EventOwner: [EventRow]]

  init(of locators: [Locator], tenant: TenantID, in tx: borrowing Transaction) throws {
    let items = locators.flatMap { [LabelledItem.message($0.key), $0.labelledConversation] }
    let owners = locators.flatMap { [EventOwner.subject($0.sender), $0.eventfulConversation] }
    labelled = try RetentionLabels.find(Set(items), tenant: tenant, in: tx)
    stated = Dictionary(
      grouping: try RetentionEvents.find(Set(owners), tenant: tenant, in: tx), by: \.owner)
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
