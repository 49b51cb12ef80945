import Catalog
import Governance
import Model
import Postgres
import Sodium

/// The decisions of a tenant's reviews, and what is to be reviewed as a run finds it.
struct ReviewQueue: Sendable {
  private let decisions: [ReviewGroup: ReviewRow]
  private let policies: [Policy]
  /// Labels that locked policies are for: nobody takes them off.
  private let lockedLabels: Set<String>
  private let tenant: TenantID
  private let now: Timestamp
  private(set) var waiting: [ReviewGroup: ReviewCount] = [:]

  /// What becomes of a message that would wait for a review.
  enum Outcome: Sendable, Equatable {
    /// By the decision of that review, or by the policy it was moved to.
    case due(review: Int64, because: String)
    case kept
    /// Gets the label by the decision of that review.
    case relabelled(review: Int64, label: String)
    case waits(ReviewGroup, policyVersion: Int32)
  }

  init(
    _ history: [Policy], tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction
  ) throws {
    policies = history.inForce(at: now)
    let locked = (policies + history.inForce(at: .latest)).filter(\.locked)
    lockedLabels = Set(locked.compactMap { if case .label(let name) = $0.scope { name } else { nil } })
    (self.tenant, self.now) = (tenant, now)
    // Asked only where some policy asks for reviews: the others' runs cost nothing more.
    decisions = history.contains(where: \.review) ? try Reviews.decided(tenant: tenant, at: now, in: tx) : [:]
  }

  /// - Parameter disposition: one whose verdict is `review`.
  func outcome(_ message: RetainedMessage, _ disposition: Disposition, _ history: [Policy]) -> Outcome {
    guard let policy = disposition.deciding(among: policies) else { return .kept }
    let group = ReviewGroup(
      conversation: message.locator.conversation,
      period: Period(containing: message.locator.position.createdAt), policy: policy.id)
    guard let review = decisions[group], let decidedAt = review.decidedAt else {
      return .waits(group, policyVersion: policy.version)
    }
    let name = Handle.text("review", review.id)
    switch review.decision {
    case .delete:
      guard message.wasDue(history, at: decidedAt) else {
        return .waits(group, policyVersion: policy.version)
      }
      return .due(review: review.id, because: "\(policy.id) v\(policy.version), \(name)")
    case .extend: return .kept
    case .relabel(let label):
      // What has the label is due in spite of it, and asked about anew.
      guard message.label != label, message.label.map({ !lockedLabels.contains($0) }) ?? true,
        message.wasDue(history, at: decidedAt)
      else { return .waits(group, policyVersion: policy.version) }
      return .relabelled(review: review.id, label: label)
    case .move(let target): return moved(message, to: target, of: group, review.id, name)
    case nil: return .waits(group, policyVersion: policy.version)
    }
  }

  private func moved(
    _ message: RetainedMessage, to target: String, of group: ReviewGroup, _ review: Int64, _ name: String
  ) -> Outcome {
    guard let policy = policies.first(where: { $0.id == target }) else {
      // The policy it was moved to is gone: somebody has to decide anew.
      return .waits(group, policyVersion: 0)
    }
    guard let due = policy.dueAt(message.item(tenant)), due <= now else { return .kept }
    guard policy.review else {
      return .due(review: review, because: "\(policy.id) v\(policy.version), \(name)")
    }
    let next = ReviewGroup(conversation: group.conversation, period: group.period, policy: policy.id)
    guard let decided = decisions[next], next != group, decided.decision == .delete,
      let at = decided.decidedAt, due <= at, message.isSettled(at: at)
    else { return .waits(next, policyVersion: policy.version) }
    return .due(
      review: decided.id, because: "\(policy.id) v\(policy.version), \(Handle.text("review", decided.id))")
  }

  mutating func wait(_ message: Locator, in group: ReviewGroup, _ policyVersion: Int32) {
    waiting[group, default: ReviewCount(route: message.route, policyVersion: policyVersion)]
      .add(message.position.createdAt)
  }

  mutating func join(_ other: ReviewQueue) {
    waiting.merge(other.waiting) { old, new in
      var sum = old
      sum.messages += new.messages
      sum.oldest = min(old.oldest, new.oldest)
      sum.newest = max(old.newest, new.newest)
      return sum
    }
  }

  var waitingMessages: Int { waiting.values.reduce(0) { $0 + $1.messages } }

  /// Stores the queue as a whole run found it.
  func record(in tx: borrowing Transaction) throws {
    let entries = waiting.sorted {
      ($0.key.conversation, $0.key.period) < ($1.key.conversation, $1.key.period)
    }
    try Reviews.record(
      entries.map { (Randomness.identifier(), $0.key, $0.value) }, tenant: tenant, at: now, in: tx)
  }
}

extension RetainedMessage {
  /// Whether it was before whoever decided then: what became due since, or by what was stated since, was not.
  fileprivate func wasDue(_ history: [Policy], at time: Timestamp) -> Bool {
    isSettled(at: time) && disposition(history, at: time).dueAt.map { $0 <= time } ?? false
  }
}

extension Disposition {
  /// The policy whose ceiling decided.
  fileprivate func deciding(among policies: [Policy]) -> Policy? {
    for reason in reasons where reason.decides {
      if case .policy(let id, _, let version, _, _) = reason.source {
        return policies.first { $0.id == id && $0.version == version }
      }
    }
    return nil
  }
}
