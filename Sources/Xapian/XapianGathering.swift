import CXapian

/// What the matches of a search are counted under.
package struct XapianFacets: Sendable {
  package struct Kinds: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let conversation = Kinds(rawValue: CX_BY_CONVERSATION.rawValue)
    package static let sender = Kinds(rawValue: CX_BY_SENDER.rawValue)
    /// Since 1970, UTC.
    package static let day = Kinds(rawValue: CX_BY_DAY.rawValue)
  }

  package struct Bucket: Sendable {
    package let kind: Kinds
    package let key: Int64
    package let count: Int
  }

  package let buckets: [Bucket]
  /// That were looked at.
  package let matches: Int
  /// Whether there are no others.
  package let isExact: Bool
}

/// Words of which a match holds some or none: what is scored as one.
package struct XapianSlot: Sendable {
  package enum Term: Sendable {
    case whole([UInt8])
    case prefix([UInt8])
  }
  package var terms: [Term]

  package init(_ terms: [Term]) { self.terms = terms }
}

package struct XapianRanking: Sendable {
  package let hits: [XapianPage.Hit]
  /// A row a hit: how often the words of each slot are in it, 0 to 8.
  package let cells: [UInt8]
  /// Whether no older matches were left out.
  package let isExact: Bool
}

extension XapianReader {
  /// Counts matches, `countMax` at most, whatever the cursor and limit.
  ///
  /// - Throws: as ``search(_:)``.
  package func facets(_ search: XapianSearch, by kinds: XapianFacets.Kinds) throws(XapianError)
    -> XapianFacets
  {
    var facets = unsafe cx_facets()
    try unsafe XapianError.check { error in
      unsafe search.withPointer { asked in
        unsafe cx_reader_facets(handle, asked, kinds.rawValue, &facets, error)
      }
    }
    defer { unsafe cx_facets_free(&facets) }
    let stored = unsafe UnsafeBufferPointer(start: facets.buckets, count: facets.count)
    let buckets = unsafe stored.map { bucket in
      XapianFacets.Bucket(
        kind: XapianFacets.Kinds(rawValue: bucket.kind), key: bucket.key, count: Int(bucket.count))
    }
    return unsafe XapianFacets(buckets: buckets, matches: Int(facets.matches), isExact: facets.exact)
  }

  /// The newest matches, `limit` at most, and what they hold of the slots' words; whatever the cursor.
  ///
  /// - Throws: as ``search(_:)``.
  package func ranking(_ search: XapianSearch, _ slots: [XapianSlot]) throws(XapianError) -> XapianRanking {
    var ranking = unsafe cx_ranking()
    let bytes = Self.bytes(slots)
    try unsafe XapianError.check { error in
      unsafe search.withPointer { asked in
        unsafe cx_reader_rank(handle, asked, bytes, bytes.count, &ranking, error)
      }
    }
    defer { unsafe cx_ranking_free(&ranking) }
    let stored = unsafe UnsafeBufferPointer(start: ranking.hits, count: ranking.count)
    let hits = unsafe stored.map { XapianPage.Hit($0) }
    let cells = unsafe Array(
      UnsafeBufferPointer(start: ranking.cells, count: ranking.count * slots.count))
    return unsafe XapianRanking(hits: hits, cells: cells, isExact: ranking.exact)
  }

  /// The form of CXapian.h. What cannot be a term is in no document.
  private static func bytes(_ slots: [XapianSlot]) -> [UInt8] {
    var bytes: [UInt8] = []
    func append(_ number: Int) { bytes += [UInt8(truncatingIfNeeded: number), UInt8(number >> 8)] }
    append(slots.count)
    for slot in slots {
      let terms = slot.terms.compactMap { term -> (kind: UInt8, bytes: [UInt8])? in
        switch term {
        case .whole(let bytes): XapianLimits.isStorable(bytes) ? (1, bytes) : nil
        case .prefix(let bytes): XapianLimits.isStorable(bytes) ? (4, bytes) : nil
        }
      }.prefix(Int(UInt16.max))
      append(terms.count)
      for term in terms { bytes += [term.kind, UInt8(term.bytes.count)] + term.bytes }
    }
    return bytes
  }
}
