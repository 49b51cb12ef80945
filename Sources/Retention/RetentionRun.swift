package import Catalog
package import Model

/// What one run of retention did, or with `dryRun` would do.
package struct RetentionRun: Hashable, Sendable {
  package let dryRun: Bool
  /// The newest version of the policies; 0: none was ever set.
  package internal(set) var policySet: Int32 = 0
  /// Due by policy and under no hold.
  package internal(set) var due = 0
  package internal(set) var deleted = 0
  /// Due by policy, kept by a hold.
  package internal(set) var held = 0
  /// Holds that kept any of them.
  package internal(set) var holds: Set<Int64> = []
  /// Would be due, but an announced change of policy disagrees, or a label or an event was stated lately: decided
  /// when that takes effect.
  package internal(set) var pending = 0
  /// Due, and waiting for somebody's decision.
  package internal(set) var inReview = 0
  /// Due, and given a label by a review's decision.
  package internal(set) var relabelled = 0
  /// Deleted by their members while a hold kept them; gone now that it is released and the grace is over.
  package internal(set) var released = 0
  package static let keptMax = 100_000
  /// Messages that are still there and not counted above, counted up to ``keptMax``.
  package internal(set) var kept = 0
  /// Months of which nothing was left, so that their key was destroyed.
  package internal(set) var expiredPeriods: [Period] = []
  /// Months without a message that keep their key for something else.
  package internal(set) var keptPeriods: [Period: ExpiredPeriods.Need] = [:]
  /// Segments that hold nothing any more and leave the archive.
  package internal(set) var supersededSegments = 0

  init(dryRun: Bool) { self.dryRun = dryRun }

  /// What somebody has to look into; `nil`: all is well.
  package var problem: String? {
    let problems = [undeleted, strayRows].compactMap { $0 }
    return problems.isEmpty ? nil : problems.joined(separator: "; ")
  }

  private var strayRows: String? {
    let periods = keptPeriods.filter { $0.value == .row }.keys.sorted()
    guard !periods.isEmpty else { return nil }
    let names = periods.map(\.description).joined(separator: ", ")
    return "sealed messages of \(names) are in the hot table that the catalogue says are gone: "
      + "their keys are kept"
  }

  private var undeleted: String? {
    guard !dryRun, due > 0, deleted < due else { return nil }
    return deleted == 0
      ? "\(due) messages were due and none was deleted; see `muniment retention preview`"
      : "\(due - deleted) of \(due) messages that were due were not deleted"
  }
}
