package import Model
import SearchIndex
import Sodium

/// Where a page ended: a place in the order (time, sequence, group), which every message has exactly one of.
/// Opaque to clients, and no secret: what it leads to is authorized anew.
package struct Cursor: Hashable, Sendable {
  package let position: MessagePosition
  package let group: Int
  package let ascending: Bool
  /// Of a search by relevance.
  package let rank: Rank?

  /// What a page was ranked by, so that the next one is ranked by the same, whatever arrives meanwhile.
  package struct Rank: Hashable, Sendable {
    /// Of the place, in ten thousandths.
    package var score: Int64
    /// Nothing newer is ranked.
    package var until: Timestamp
    /// How many messages hold each of the query's words.
    package var frequencies: [Int]

    package init(score: Int64, until: Timestamp, frequencies: [Int]) {
      self.score = score
      self.until = until
      self.frequencies = frequencies
    }
  }

  package init(
    position: MessagePosition, group: Int = 0, ascending: Bool = false, rank: Rank? = nil
  ) {
    self.position = position
    self.group = group
    self.ascending = ascending
    self.rank = rank
  }

  package var text: String {
    var writer = ByteWriter()
    writer.byte(1)
    writer.byte((ascending ? 1 : 0) | (rank == nil ? 0 : 2))
    writer.signed(position.createdAt.microseconds)
    writer.signed(position.sequence)
    writer.varint(group)
    if let rank {
      writer.signed(rank.score)
      writer.signed(rank.until.microseconds)
      writer.varint(rank.frequencies.count)
      for frequency in rank.frequencies { writer.varint(frequency) }
    }
    return writer.bytes.base64(.urlSafe)
  }

  /// What a position can be: anything else would overflow where it is reckoned with.
  private static let sequences: ClosedRange<Int64> = 0...Int64(Int32.max)

  /// - Throws: `.badCursor`.
  package init(text: String) throws(SearchError) {
    let refusal = SearchError(.badCursor, "the cursor is not one that an earlier page gave")
    guard let bytes = [UInt8](base64: text, .urlSafe) else { throw refusal }
    do {
      var reader = ByteReader(bytes)
      guard try reader.byte() == 1 else { throw MalformedBytes("version") }
      let flags = try reader.byte()
      guard flags <= 3 else { throw MalformedBytes("flags") }
      ascending = flags & 1 == 1
      position = MessagePosition(
        createdAt: try Self.time(&reader), sequence: try reader.signed())
      guard Self.sequences.contains(position.sequence) else { throw MalformedBytes("sequence") }
      group = try reader.count(limit: SearchIndex.groupsMax - 1)
      rank = flags & 2 == 2 ? try Rank(&reader) : nil
      guard reader.remaining == 0 else { throw MalformedBytes("more than a cursor") }
    } catch {
      throw refusal
    }
  }
}

extension Cursor {
  fileprivate static func time(_ reader: inout ByteReader) throws -> Timestamp {
    let time = Timestamp(microseconds: try reader.signed())
    guard (Timestamp.earliest...Timestamp.latest).contains(time) else { throw MalformedBytes("time") }
    return time
  }
}

extension Cursor.Rank {
  fileprivate init(_ reader: inout ByteReader) throws {
    score = try reader.signed()
    until = try Cursor.time(&reader)
    frequencies = []
    for _ in 0..<(try reader.count(limit: Ranking.slotsMax)) {
      frequencies.append(try reader.count(limit: Ranking.frequencyMax))
    }
  }
}
