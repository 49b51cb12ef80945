package import Governance
package import Model

/// All versions of a tenant's policies that count, as they were set one after the other.
package struct PolicyHistory: Sendable {
  package let sets: [PolicySetRow]
  /// Every version of every policy, for ``decide(_:policies:holds:now:)``.
  package let policies: [Policy]

  /// What waits for approval, or never got it, has no part in it, whoever asks.
  /// - Throws: `RetentionError.damagedPolicies`.
  package init(_ all: [PolicySetRow]) throws(RetentionError) {
    let sets = all.filter { $0.state == .stands }
    var policies: [Policy] = []
    for set in sets {
      let proposed = try Self.policies(set.document)
      policies = timeline(from: policies, to: proposed, effectiveAt: set.effectiveAt)
    }
    self.sets = sets
    self.policies = policies
  }

  /// The newest version that counts, in force or announced; 0: there is none.
  package var version: Int32 { sets.last?.version ?? 0 }

  /// The policies that ask for something at `now`.
  package func inForce(at now: Timestamp) -> [Policy] { policies.inForce(at: now).filter(\.asksForSomething) }

  /// `default v2, direct v1`: what governed a decision, for the audit log.
  package func names(at now: Timestamp) -> String {
    inForce(at: now).map { "\($0.id) v\($0.version)" }.joined(separator: ", ")
  }

  private static func policies(_ document: String) throws(RetentionError) -> [Policy] {
    do throws(RetentionError) {
      return try PolicyDocument(json: document).policies.map { entry throws(RetentionError) in
        try entry.policy()
      }
    } catch {
      throw RetentionError(.damagedPolicies, "a stored policy document cannot be read: \(error.description)")
    }
  }
}

extension PolicyDocument.Entry {
  /// Of an entry whose ids are numbers already.
  package func policy() throws(RetentionError) -> Policy {
    Policy(
      id: name, scope: try scope.numbered(), retainSeconds: retain?.seconds,
      deleteAfterSeconds: deleteAfter?.seconds, clock: clock, locked: locked, review: review)
  }
}

extension PolicyDocument.Scope {
  fileprivate func numbered() throws(RetentionError) -> Policy.Scope {
    func number(_ text: String) throws(RetentionError) -> Int64 {
      guard let number = Int64(text) else {
        throw RetentionError(.damagedPolicies, "not a number in a scope")
      }
      return number
    }
    return switch self {
    case .tenant: .tenant
    case .conversationKind(let kind): .conversationKind(kind)
    case .conversation(let id): .conversation(ConversationID(rawValue: try number(id)))
    case .subject(let id): .subject(SubjectID(rawValue: try number(id)))
    case .label(let name): .label(name)
    }
  }
}

extension Policy {
  package var asksForSomething: Bool { retainSeconds != nil || deleteAfterSeconds != nil }
}
