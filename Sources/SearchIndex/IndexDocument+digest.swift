import Model
import Xapian

extension IndexDocument {
  /// The number that ``SearchIndex/contents(of:group:withDigests:)`` gives for this document once it is in the index:
  /// over who, where and when, every term, and its places. The same computation as the shim's (digest.hpp).
  package var digest: UInt64 {
    var places: [[UInt8]: [UInt64]] = [:]
    for term in terms + [IndexTerms.conversation(conversation), IndexTerms.sender(sender)] {
      places[term] = []
    }
    for (place, word) in positioned.enumerated() {
      places[word, default: []].append(XapianLimits.firstPosition + UInt64(place))
    }
    let own = [conversation.rawValue, sender.rawValue, createdAt.microseconds].reduce(
      UInt64(bitPattern: sequence)
    ) { Self.mixed($0, UInt64(bitPattern: $1)) }
    return places.reduce(Self.spread(own)) { sum, entry in
      sum &+ Self.spread(entry.value.reduce(Self.mixed(own, Self.hash(of: entry.key)), Self.mixed))
    }
  }

  private static func mixed(_ hash: UInt64, _ value: UInt64) -> UInt64 {
    let hash = (hash ^ value) &* 0x9fb2_1c65_1e98_df25
    return hash ^ (hash >> 28)
  }

  private static func hash(of term: [UInt8]) -> UInt64 {
    let hash = term.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return mixed(hash, UInt64(term.count))
  }

  private static func spread(_ value: UInt64) -> UInt64 {
    var value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}
