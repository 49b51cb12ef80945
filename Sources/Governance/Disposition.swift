package import Model

/// What shall happen to an item, and why.
package struct Disposition: Hashable, Sendable {
  package enum Verdict: Hashable, Sendable {
    /// Stays, at least until then; `nil`: no rule ever ends it.
    case keep(until: Timestamp?)
    /// Stays as long as any of these holds is active.
    case held([Int64])
    /// Shall be deleted now.
    case due
    /// Would be deleted now, but for somebody's decision that its policy asks for.
    case review
    /// Would be deleted under the rules before or after an announced change, not under both, or by a label or an
    /// event that was stated lately: waits for that.
    case pending(until: Timestamp)
    /// Asked to be erased, but a hold or locked floor needs it: hidden from all but that, then erased.
    case restricted
  }

  package enum Rule: String, Sendable {
    case hold, floor
    case labelCeiling = "label_ceiling"
    case scopedCeiling = "scoped_ceiling"
    case tenantCeiling = "tenant_ceiling"
    case noCeiling = "no_ceiling"
    case policyChange = "policy_change"
    case statedLately = "stated_lately"
    case lockedFloor = "locked_floor"
    case erasure
  }

  package let verdict: Verdict
  package let decidingRule: Rule
  /// All policies in force and active holds that match, whether or not they decided.
  package let reasons: [Reason]
  /// When the longest floor that matches ends; `nil`: no floor, or one without end.
  package let floorEnds: Timestamp?
  /// When policies alone would delete it, holds left aside; `nil`: never.
  package let dueAt: Timestamp?

  package var heldBy: [Int64] { reasons.compactMap(\.holdID) }
}

/// A policy or hold that matched an item, with its dates.
package struct Reason: Hashable, Sendable {
  package enum Source: Hashable, Sendable {
    case policy(id: String, name: String, version: Int32, locked: Bool, effectiveAt: Timestamp)
    /// The conversation's own `retention_days`.
    case conversation(days: Int32)
    case hold(id: Int64, matter: String, silent: Bool)
  }

  package enum Effect: Hashable, Sendable {
    case floor, hold
    case ceiling(Policy.Level)
  }

  package let source: Source
  package let effect: Effect
  /// A policy's clock start, or a hold's first sending time; `nil`: not started, or no bound.
  package let from: Timestamp?
  /// Floor: its end. Ceiling: its date. Hold: its last sending time. `nil`: none.
  package let until: Timestamp?
  /// Whether the verdict is this one's.
  package var decides = false

  package var holdID: Int64? {
    guard case .hold(let id, _, _) = source else { return nil }
    return id
  }

  var isLocked: Bool {
    guard case .policy(_, _, _, let locked, _) = source else { return false }
    return locked
  }
}

extension Reason: CustomStringConvertible {
  /// For people with the right to know: names matters, also silent ones.
  package var description: String {
    let when = until?.description ?? "no end"
    return switch (source, effect) {
    case (.hold(let id, let matter, _), _): "hold \(id) (\(matter))"
    case (_, .floor): "\(origin): keep until \(when)"
    default: "\(origin): delete at \(until?.description ?? "no date yet")"
    }
  }

  private var origin: String {
    switch source {
    case .policy(let id, _, let version, let locked, _):
      "policy \(id) v\(version)\(locked ? " (locked)" : "")"
    case .conversation(let days): "conversation's retention_days \(days)"
    case .hold(let id, _, _): "hold \(id)"
    }
  }
}
