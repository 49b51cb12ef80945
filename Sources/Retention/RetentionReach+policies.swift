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
      // What is old is read either way, and its label is looked up with the rest.
      case .label: everything = true
      }
    }
    countsEdits = policies.contains { $0.clock == .lastEdited }
  }

  /// Leaves out messages too young for any of the policies to be due at `now`.
  /// - Parameter events: when each event happened first to any conversation or person.
  package func due(by policies: [Policy], at now: Timestamp, events: [String: Timestamp]) -> RetentionReach {
    var shortest: Int64?
    for policy in policies {
      guard let seconds = policy.deleteAfterSeconds else { continue }
      switch policy.clock {
      case .created, .lastEdited: shortest = min(shortest ?? seconds, seconds)
      // A conversation may have been closed, and an event have happened, before a late message was sent.
      case .conversationClosed: return self
      case .event(let name):
        if let first = events[name], first.adding(seconds: seconds) <= now { return self }
      }
    }
    var reach = self
    reach.createdUpTo = shortest.map { now.adding(seconds: -$0) } ?? .earliest
    return reach
  }
}
