package import Model
import Xapian

/// One part of a group: the hot generation, which is written to, or an older one.
package struct IndexGeneration: Hashable, Sendable {
  package enum Kind: String, Sendable {
    case hot
    /// Full, and waiting to be sealed.
    case frozen
    /// Immutable, in order of time.
    case sealed
  }

  package let kind: Kind
  /// That are not deleted.
  package let documents: Int
  /// Deleted documents whose terms are still in the files.
  package let tombstones: Int
  /// Creation times of the oldest and the newest message ever put into it.
  package let times: ClosedRange<Timestamp>?

  init(_ state: XapianReader.State, isHot: Bool) {
    kind = isHot ? .hot : state.isSealed ? .sealed : .frozen
    documents = state.documents
    tombstones = state.tombstones
    times = state.times.map {
      Timestamp(microseconds: $0.lowerBound)...Timestamp(microseconds: $0.upperBound)
    }
  }
}
