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
      return try Directory.entries(plain, period: identity.period, end: offset)
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
    let found: (table: LaneTable, start: Int)
    do {
      found = try table(entry, bytes, identity, keys)
    } catch  where error.code == .keyDestroyed {
      return DecodedBlock(messages: [], unreadable: Int(entry.count))
    }
    let origin = BlockOrigin(
      period: identity.period, first: entry.firstPosition, pace: found.table.pace, count: Int(entry.count))
    var block = OpenedBlock(count: Int(entry.count))
    var offset = found.start
    for (number, lane) in found.table.lanes.enumerated() {
      guard offset + lane.length <= bytes.count else { throw damaged(entry) }
      let sealed = Array(bytes[offset..<offset + lane.length])
      offset += lane.length
      block.add(try contents(sealed, number, lane, entry, origin, identity, keys, &block.budget), of: lane)
    }
    guard offset == bytes.count else { throw damaged(entry) }
    let messages: [StoredMessage]
    do {
      messages = try block.messages(of: entry.conversation, key: keys.messageKey)
    } catch let error as SegmentError {
      throw error
    } catch {
      throw damaged(entry)
    }
    try check(messages, whole: block.unreadable == 0, against: entry)
    return DecodedBlock(messages: messages, unreadable: block.unreadable)
  }

  /// `nil` without the lane's key.
  private static func contents(
    _ sealed: [UInt8], _ number: Int, _ lane: LaneTable.Lane, _ entry: BlockEntry, _ origin: BlockOrigin,
    _ identity: SegmentIdentity, _ keys: some SegmentKeys, _ budget: inout Int
  ) throws(SegmentError) -> LaneContents? {
    guard let key = keys.lane(lane.sender, entry.conversation) else { return nil }
    let place = SegmentPlace.lane(
      ordinal: entry.ordinal, lane: number, conversation: entry.conversation, sender: lane.sender)
    let plain = try opened(
      sealed, key: key, place: place, identity, "lane \(number) of block \(entry.ordinal)")
    do {
      var columns = try LaneColumnsReader(plain, count: lane.count)
      let dictionary = columns.needsDictionary ? try dictionary(of: identity, keys) : nil
      let contents = try columns.contents(in: origin, limit: budget, dictionary: dictionary)
      budget -= columns.bytesRead
      return contents
    } catch let error as ZstdError where error.code == .tooLarge {
      throw SegmentError(.overLimit, "block \(entry.ordinal)")
    } catch let error as SegmentError {
      throw error
    } catch {
      throw damaged(entry)
    }
  }

  /// A lane that needs one in a segment that names none is damaged.
  private static func dictionary(of identity: SegmentIdentity, _ keys: some SegmentKeys) throws
    -> ZstdDictionary
  {
    guard let id = identity.dictionary else { throw MalformedBytes("dictionary") }
    guard let dictionary = keys.dictionary(id) else {
      throw SegmentError(.dictionaryMissing, "segment \(identity.hex)")
    }
    return dictionary
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
  ) throws(SegmentError) -> (table: LaneTable, start: Int) {
    guard bytes.count == Int(entry.length), BlockEntry.hash(of: bytes) == entry.hash else {
      throw damaged(entry)
    }
    let key = try keys.table(entry.conversation)
    do {
      var reader = ByteReader(bytes)
      let sealed = try reader.blob()
      let place = SegmentPlace.table(
        ordinal: entry.ordinal, conversation: entry.conversation, first: entry.firstPosition)
      let table = try LaneTable(bytes: place.open(sealed, key: key, identity))
      guard table.count == Int(entry.count) else { throw MalformedBytes("lane table") }
      return (table, reader.offset)
    } catch {
      throw damaged(entry)
    }
  }

  private static func opened(
    _ sealed: [UInt8], key: SecretBytes, place: SegmentPlace, _ identity: SegmentIdentity, _ what: String
  ) throws(SegmentError) -> [UInt8] {
    do {
      return try place.open(sealed, key: key, identity)
    } catch {
      throw SegmentError(.damaged, what)
    }
  }

  private static func damaged(_ entry: BlockEntry) -> SegmentError {
    SegmentError(.damaged, "block \(entry.ordinal)")
  }
}
