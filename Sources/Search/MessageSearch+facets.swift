import Catalog
import History
import Model
import SearchIndex

extension MessageSearch {
  /// Buckets of a facet at most; the rest is `other`.
  static let bucketsMax = 20
  /// Months, the newest.
  static let monthsMax = 60
  /// Matches of a group that are looked at, at most.
  static let facetedMax = 100_000

  /// Counts matches by what was asked for. All of it happens inside the query, which holds what the reader may see.
  func facets(
    _ query: IndexQuery, _ request: SearchRequest, lag: Int64, _ loss: inout Loss,
    until end: ContinuousClock.Instant
  ) async throws -> SearchReply.Facets? {
    guard !request.facets.isEmpty else { return nil }
    var query = query
    query.deadlineMilliseconds = try Self.milliseconds(until: end)
    query.countMax = Self.facetedMax
    var facets = SearchReply.Facets()
    let kinds = Set(request.facets.compactMap(\.kind))
    if !kinds.isEmpty {
      let found = try await index.facets(query, by: kinds)
      loss.groups.formUnion(found.damaged)
      let exact = found.exact && lag == 0
      if kinds.contains(.conversation) {
        facets.conversation = try await conversations(found, exact)
      }
      if kinds.contains(.sender) { facets.sender = try await senders(found, exact) }
      if kinds.contains(.day) { facets.month = Self.months(found, exact) }
    }
    if request.facets.contains(.attachment) {
      facets.attachment = try await attachments(query, lag, &loss, until: end)
    }
    return facets
  }

  private func conversations(_ found: IndexFacets, _ exact: Bool) async throws -> SearchReply.Facet {
    let top = Self.top(found.conversations)
    let cards = try await directory.cards(Set(top.map(\.key)))
    let buckets = top.compactMap { id, count in
      cards[id].map {
        SearchReply.Facet.Bucket(value: $0.profile.id, name: $0.profile.name, count: count)
      }
    }
    return Self.facet(buckets, of: found, exact)
  }

  /// Those who cannot be named any more are among the others.
  private func senders(_ found: IndexFacets, _ exact: Bool) async throws -> SearchReply.Facet {
    let top = Self.top(found.senders)
    let profiles = try await directory.profiles(Set(top.map(\.key)))
    let buckets = top.compactMap { id, count in
      profiles[id].map { SearchReply.Facet.Bucket(value: $0.id, name: $0.displayName, count: count) }
    }
    return Self.facet(buckets, of: found, exact)
  }

  private static func months(_ found: IndexFacets, _ exact: Bool) -> SearchReply.Facet {
    var months: [String: Int] = [:]
    for (day, count) in found.days {
      months[String(Timestamp(seconds: day * 86_400).rfc3339.prefix(7)), default: 0] += count
    }
    let buckets = months.sorted { $0.key > $1.key }.prefix(monthsMax).map { month, count in
      SearchReply.Facet.Bucket(value: month, count: count)
    }
    return facet(buckets, of: found, exact)
  }

  private func attachments(
    _ query: IndexQuery, _ lag: Int64, _ loss: inout Loss, until end: ContinuousClock.Instant
  ) async throws -> SearchReply.Facet {
    var facet = SearchReply.Facet(buckets: [], exact: lag == 0)
    for kind in ["link", "file", "image"] {
      var query = query
      query.required.append(IndexTerms.flag(kind))
      let count = try await hits(query, limit: 0, countMax: Self.facetedMax, until: end).count
      loss.groups.formUnion(count.damaged)
      facet.exact = facet.exact && count.isExact
      facet.buckets.append(SearchReply.Facet.Bucket(value: kind, count: count.number))
    }
    return facet
  }

  /// The largest, and among equals those with the lower number.
  private static func top<Key: Comparable>(_ counts: [Key: Int]) -> [(key: Key, count: Int)] {
    let sorted = counts.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
    return sorted.prefix(bucketsMax).map { ($0.key, $0.value) }
  }

  private static func facet(
    _ buckets: [SearchReply.Facet.Bucket], of found: IndexFacets, _ exact: Bool
  ) -> SearchReply.Facet {
    SearchReply.Facet(
      buckets: buckets, other: found.matches - buckets.reduce(0) { $0 + $1.count }, exact: exact)
  }
}

extension SearchRequest.Facet {
  fileprivate var kind: IndexFacets.Kind? {
    switch self {
    case .conversation: .conversation
    case .sender: .sender
    case .month: .day
    case .attachment: nil
    }
  }
}
