package import Catalog
package import Governance
package import History
package import Model

/// All that is known of why a message is there, hidden or gone.
package struct Explanation: Hashable, Sendable {
  package struct Change: Hashable, Sendable {
    package let kind: AmendmentRow.Kind
    package let at: Timestamp
    package let version: Int64
  }

  package let messageID: String
  package let state: Locator.State
  package let createdAt: Timestamp
  /// The platform's ids; `nil` once the key of the conversation or the author is gone.
  package let conversation: String?
  package let sender: String?
  /// Where its payload lies; `nil`: nowhere that readers look.
  package let tier: Tier?
  /// Whether keys for its payload are left.
  package let readable: Bool
  /// Its own, or its conversation's.
  package let label: String?
  /// What was stated of its conversation and its author, by name.
  package let events: [String: Timestamp]
  /// What the rules say now; `nil` for what is gone already.
  package let disposition: Disposition?
  /// Active holds that cover it, also if it is gone.
  package let holds: [Int64]
  /// The newest version of the tenant's policies; 0: none was ever set.
  package let policySet: Int32
  /// Edits, deletion and reactions, oldest first, as far as they are kept.
  package let changes: [Change]

  /// In words, for people with the right to know of all holds.
  package var summary: String {
    switch state {
    case .deleted: "deleted by a member\(deletedAt.map { " at \($0)" } ?? ""); no hold covered it then"
    case .expired:
      "deleted when its retention ended; the audit log's `retention.deleted` entries name the policies"
    case .erased: "erased with its author's data"
    case .restricted: "hidden from members and kept: \(verdict)"
    case .live: verdict
    }
  }

  private var deletedAt: Timestamp? { changes.last { $0.kind == .deletion }?.at }

  private var verdict: String {
    guard let disposition else { return "nothing is known" }
    let reasons = disposition.reasons.filter(\.decides).map(\.description).joined(separator: "; ")
    let because = reasons.isEmpty ? "" : " (\(reasons))"
    return switch disposition.verdict {
    case .keep(let until): "kept\(until.map { " until \($0)" } ?? ", no rule ends it")\(because)"
    case .held: "held\(because)"
    case .due: "due for deletion\(because)"
    case .review: "due, and waits for somebody's decision\(because)"
    case .pending(let until) where disposition.decidingRule == .statedLately:
      "would be due, but for its label or an event, which count from \(until) on"
    case .pending(let until): "waits for the change of policy at \(until)"
    case .restricted: "restricted\(because)"
    }
  }
}
