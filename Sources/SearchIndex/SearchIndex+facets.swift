package import Model
import Xapian

/// How many of a query's matches there are of each conversation, sender and day.
package struct IndexFacets: Sendable {
  package enum Kind: Sendable { case conversation, sender, day }

  package var conversations: [ConversationID: Int] = [:]
  package var senders: [SubjectID: Int] = [:]
  /// Since 1970, UTC.
  package var days: [Int64: Int] = [:]
  /// That were looked at.
  package var matches = 0
  /// Whether these are all; otherwise every number is a lower bound.
  package var exact = true
  /// Groups whose files are not what was written: nothing of theirs is counted.
  package var damaged: Set<Int> = []

  static func damaged(_ group: Int) -> IndexFacets {
    var facets = IndexFacets()
    (facets.exact, facets.damaged) = (false, [group])
    return facets
  }

  mutating func add(_ facets: XapianFacets) {
    matches += facets.matches
    exact = exact && facets.isExact
    for bucket in facets.buckets {
      switch bucket.kind {
      case .conversation: conversations[ConversationID(rawValue: bucket.key), default: 0] += bucket.count
      case .sender: senders[SubjectID(rawValue: bucket.key), default: 0] += bucket.count
      default: days[bucket.key, default: 0] += bucket.count
      }
    }
  }

  mutating func add(_ other: IndexFacets) {
    matches += other.matches
    exact = exact && other.exact
    damaged.formUnion(other.damaged)
    conversations.merge(other.conversations, uniquingKeysWith: +)
    senders.merge(other.senders, uniquingKeysWith: +)
    days.merge(other.days, uniquingKeysWith: +)
  }
}

extension SearchIndex {
  /// Counts the query's matches inside its scope; of each group at most `countMax` are looked at. Cursor and limit do
  /// not matter.
  ///
  /// - Throws: as ``searchUndamaged(_:groups:)``.
  package func facets(_ query: IndexQuery, by kinds: Set<IndexFacets.Kind>) async throws -> IndexFacets {
    guard let plan = try SearchPlan(query) else { return IndexFacets() }
    return try await withThrowingTaskGroup(of: IndexFacets?.self) { tasks in
      for group in directories.indices {
        tasks.addTask {
          guard let search = plan.search(group: group) else { return nil }
          return try await self.read(group, ifDamaged: .damaged(group)) { (snapshot) throws(XapianError) in
            try snapshot.facets(search, XapianFacets.Kinds(kinds))
          }
        }
      }
      var facets = IndexFacets()
      for try await found in tasks { if let found { facets.add(found) } }
      return facets
    }
  }
}

extension GroupSnapshot {
  fileprivate func facets(_ search: XapianSearch, _ kinds: XapianFacets.Kinds) throws(XapianError)
    -> IndexFacets
  {
    var facets = IndexFacets()
    for reader in all {
      var rest = search
      rest.countMax = search.countMax == .max ? .max : search.countMax - facets.matches
      facets.add(try reader.facets(rest, by: kinds))
    }
    return facets
  }
}

extension XapianFacets.Kinds {
  fileprivate init(_ kinds: Set<IndexFacets.Kind>) {
    self = []
    for kind in kinds {
      switch kind {
      case .conversation: insert(.conversation)
      case .sender: insert(.sender)
      case .day: insert(.day)
      }
    }
  }
}
