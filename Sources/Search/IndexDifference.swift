package import Model

/// A message the index has not as the catalogue has it.
package struct IndexDifference: Hashable, Sendable {
  package enum Kind: String, Sendable, CaseIterable {
    /// A message that can be read, and no search finds.
    case missing
    /// A message that is deleted, expired or erased, or cannot be read any more, and is in the index.
    case leftover
    /// Another version of the message than the newest, or of another place.
    case stale
    /// A document that is no message's.
    case unknown
  }

  package let group: Int
  package let sequence: Int64
  /// `nil` for what is no message's.
  package let key: MessageKey?
  package let kind: Kind
}

/// What a comparison of the index with the catalogue found.
package struct IndexComparison: Sendable {
  /// Messages and documents looked at.
  package var compared = 0
  package var differences: [IndexDifference] = []
  /// Groups with so many differences that they are better built anew.
  package var beyondHealing: Set<Int> = []
  package var healed = 0

  package func count(_ kind: IndexDifference.Kind) -> Int { differences.count { $0.kind == kind } }
  package func count(group: Int) -> Int { differences.count { $0.group == group } }
  package var isClean: Bool { differences.isEmpty && beyondHealing.isEmpty }
}
