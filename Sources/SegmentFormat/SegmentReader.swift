package import Model
import Sodium
import Zstd

/// The readable messages of a block, in order.
package struct DecodedBlock: Sendable {
  package let messages: [StoredMessage]
  /// Messages in lanes whose key is destroyed.
  package let unreadable: Int
}

/// Opens parts of a segment. Nothing is believed before it is authenticated.
package enum SegmentReader {
  /// The directory, from the footer's bytes.
  package static func directory(
    footer: [UInt8], at offset: Int64, identity: SegmentIdentity, keys: some SegmentKeys
  ) throws(SegmentError) -> [BlockEntry] {
    let plain = try opened(
      footer, key: keys.footer(identity), place: .footer(offset: offset), identity, "the footer")
    do {
      var reader = ByteReader(plain)
      let count = try reader.count(limit: min(SegmentWriter.blocksMax, plain.count / BlockEntry.size))
      var entries: [BlockEntry] = []
      var end = Int64(SegmentIdentity.headerSize)
      for ordinal in 0..<count {
        let entry = try BlockEntry(ordinal: Int32(ordinal), from: &reader)
        guard entry.offset == end else { throw MalformedBytes("block offset") }
        end += Int64(entry.length)
        entries.append(entry)
      }
      guard reader.atEnd, end == offset else { throw MalformedBytes("footer") }
      return entries
    } catch {
      throw SegmentError(.damaged, "the footer")
    }
  }

  /// Who wrote in a block; needs the conversation's and the period's key.
  package static func senders(
    of entry: BlockEntry, _ bytes: [UInt8], identity: SegmentIdentity, keys: some SegmentKeys
  ) throws(SegmentError) -> [SubjectID] {
    do {
      return try table(entry, bytes, identity, keys).table.lanes.map(\.sender)
    } catch  where error.code == .keyDestroyed {
      return []
    }
  }

  /// All messages whose keys are at hand. With the conversation's or the period's key gone, none is.
  package static func decode(
    _ entry: BlockEntry, _ bytes: [UInt8], identity: SegmentIdentity, keys: some SegmentKeys
  ) throws(SegmentError) -> DecodedBlock {
    let found: (table: OrderTable, start: Int)
    do {
      found = try table(entry, bytes, identity, keys)
    } catch  where error.code == .keyDestroyed {
      return DecodedBlock(messages: [], unreadable: Int(entry.count))
    }
    var lanes: [[StoredMessage]?] = []
    var offset = found.start
    var budget = BlockEntry.plainBytesMax
    for (number, lane) in found.table.lanes.enumerated() {
      guard offset + lane.length <= bytes.count else { throw damaged(entry) }
      let sealed = Array(bytes[offset..<offset + lane.length])
      offset += lane.length
      lanes.append(try messages(sealed, number, lane.sender, entry, identity, keys, &budget))
    }
    guard offset == bytes.count else { throw damaged(entry) }
    return try interleaved(found.table, lanes, entry)
  }

  private static func messages(
    _ sealed: [UInt8], _ number: Int, _ sender: SubjectID, _ entry: BlockEntry, _ identity: SegmentIdentity,
    _ keys: some SegmentKeys, _ budget: inout Int
  ) throws(SegmentError) -> [StoredMessage]? {
    guard let key = keys.lane(sender, entry.conversation) else { return nil }
    let place = SegmentPlace.lane(
      ordinal: entry.ordinal, lane: number, conversation: entry.conversation, sender: sender)
    let plain = try opened(
      sealed, key: key, place: place, identity, "lane \(number) of block \(entry.ordinal)")
    do {
      let columns = try LaneColumns.unpacked(plain, limit: budget)
      budget -= columns.count
      return try LaneColumns.decode(columns, conversation: entry.conversation, sender: sender)
    } catch let error as ZstdError where error.code == .tooLarge {
      throw SegmentError(.overLimit, "block \(entry.ordinal)")
    } catch {
      throw damaged(entry)
    }
  }

  private static func interleaved(_ table: OrderTable, _ lanes: [[StoredMessage]?], _ entry: BlockEntry)
    throws(SegmentError) -> DecodedBlock
  {
    guard table.order.count == Int(entry.count) else { throw damaged(entry) }
    var next = [Int](repeating: 0, count: lanes.count)
    var messages: [StoredMessage] = []
    var unreadable = 0
    for number in table.order {
      if let lane = lanes[number] {
        guard next[number] < lane.count else { throw damaged(entry) }
        messages.append(lane[next[number]])
      } else {
        unreadable += 1
      }
      next[number] += 1
    }
    for (number, lane) in lanes.enumerated() where lane != nil && lane?.count != next[number] {
      throw damaged(entry)
    }
    try check(messages, whole: unreadable == 0, against: entry)
    return DecodedBlock(messages: messages, unreadable: unreadable)
  }

  /// The entry may come from a catalogue, which nothing seals: a wrong one is found here.
  private static func check(_ messages: [StoredMessage], whole: Bool, against entry: BlockEntry)
    throws(SegmentError)
  {
    guard let first = messages.first?.position, let last = messages.last?.position else { return }
    guard entry.firstPosition <= first, last <= entry.lastPosition,
      !whole || (first == entry.firstPosition && last == entry.lastPosition),
      zip(messages, messages.dropFirst()).allSatisfy({ $0.position < $1.position })
    else { throw damaged(entry) }
  }

  private static func table(
    _ entry: BlockEntry, _ bytes: [UInt8], _ identity: SegmentIdentity, _ keys: some SegmentKeys
  ) throws(SegmentError) -> (table: OrderTable, start: Int) {
    guard bytes.count == Int(entry.length), BLAKE2b.hash(bytes) == entry.hash else { throw damaged(entry) }
    let key = try keys.order(entry.conversation)
    do {
      var reader = ByteReader(bytes)
      let sealed = try reader.raw(Int(try reader.fixed(UInt32.self)))
      let place = SegmentPlace.order(ordinal: entry.ordinal, conversation: entry.conversation)
      let plain = try AEAD.open(sealed, key: key, additional: place.additional(identity))
      return (try OrderTable(bytes: plain), reader.offset)
    } catch {
      throw damaged(entry)
    }
  }

  private static func opened(
    _ sealed: [UInt8], key: SecretBytes, place: SegmentPlace, _ identity: SegmentIdentity, _ what: String
  ) throws(SegmentError) -> [UInt8] {
    do {
      return try AEAD.open(sealed, key: key, additional: place.additional(identity))
    } catch {
      throw SegmentError(.damaged, what)
    }
  }

  private static func damaged(_ entry: BlockEntry) -> SegmentError {
    SegmentError(.damaged, "block \(entry.ordinal)")
  }
}
