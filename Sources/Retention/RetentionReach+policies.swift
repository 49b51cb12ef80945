package import Catalog
package import Governance
import History
package import Model

extension RetentionReach {
  /// What the ceilings of the policies can touch. Floors alone never delete, so they reach nothing.
  package init(_ policies: [Policy]) {
    self.init()
    for policy in policies where policy.deleteAfterSeconds != nil {
      switch policy.scope {
      case .tenant: everything = true
      case .conversationKind(let kind): kinds.insert(kind.number)
      case .conversation(let id): conversations.insert(id)
      case .subject(let id): senders.insert(id)
      // Nothing carries labels yet; should something do, a label could be on any message.
      case .label: everything = true
      }
    }
    countsEdits = policies.contains { $0.clock == .lastEdited }
  }

  /// Leaves out messages too young for any of the policies to be due at `now`.
  package func due(by policies: [Policy], at now: Timestamp) -> RetentionReach {
    // A conversation may have been closed before a late message in it was sent.
    guard !policies.contains(where: { $0.clock == .conversationClosed }) else { return self }
    var reach = self
    if let shortest = policies.compactMap(\.deleteAfterSeconds).min() {
      reach.createdUpTo = now.adding(seconds: -shortest)
    }
    return reach
  }
}
