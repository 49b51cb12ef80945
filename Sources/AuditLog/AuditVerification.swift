/// What is wrong with the log, and the entries it lies among where that is known.
package struct AuditProblem: Hashable, Sendable, CustomStringConvertible {
  package let entries: Range<Int64>?
  package let description: String
}

/// The result of recomputing the log from its entries.
package struct AuditVerification: Hashable, Sendable {
  package static let problemsMax = 100

  /// As the head states it.
  package internal(set) var size: Int64
  /// As computed from the entries.
  package internal(set) var root: [UInt8] = Merkle.empty
  package internal(set) var checkpoints = 0
  /// Valid signatures of configured witnesses under kept checkpoints.
  package internal(set) var cosignatures = 0
  /// At most ``problemsMax``.
  package private(set) var problems: [AuditProblem] = []

  package var isIntact: Bool { problems.isEmpty }

  /// The first entry known to be bad, from the problems that narrow it down the most.
  package var firstBadEntry: Int64? {
    problems.compactMap(\.entries).min { ($0.count, $0.lowerBound) < ($1.count, $1.lowerBound) }?.lowerBound
  }

  init(size: Int64) { self.size = size }

  mutating func add(_ entries: Range<Int64>?, _ description: String) {
    guard problems.count < Self.problemsMax else { return }
    problems.append(AuditProblem(entries: entries, description: description))
  }

  mutating func add(_ entry: Int64, _ description: String) { add(entry..<(entry + 1), description) }
}
