import Model
import SegmentFormat
import Sodium
import Testing

@Suite struct TamperingTests {
  /// Two conversations, three blocks, lanes of equal length: everything there is to swap, in few bytes.
  private struct Small {
    let keys: TestKeyring
    let messages: [StoredMessage]
    let segment: SegmentBytes
    let blocks: [SegmentBytes.Block]

    init() throws {
      let subjects = [SubjectID(rawValue: 1), SubjectID(rawValue: 2)]
      let conversations = [ConversationID(rawValue: 1), ConversationID(rawValue: 2)]
      keys = TestKeyring(subjects: subjects, conversations: conversations)
      func message(_ number: Int64, _ conversation: Int, _ sender: Int) -> StoredMessage {
        StoredMessage(
          key: MessageKey(high: number, low: number),
          position: MessagePosition(createdAt: Timestamp(civil: 2015, 8, 10 + Int(number)), sequence: number),
          conversation: conversations[conversation], sender: subjects[sender],
          payload: Array("m\(number)".utf8))
      }
      blocks = [
        (conversations[0], [message(1, 0, 0), message(2, 0, 1)]),
        (conversations[0], [message(3, 0, 0), message(4, 0, 1)]),
        (conversations[1], [message(5, 1, 0), message(6, 1, 1)]),
      ]
      messages = blocks.flatMap(\.messages)
      segment = try SegmentBytes(blocks, keys: keys)
    }
  }

  @Test("case 16: one changed byte is detected, wherever it is")
  func everyChangedByteIsDetectedByVerification() throws {
    let small = try Small()
    for index in small.segment.bytes.indices {
      for mask: UInt8 in [0x01, 0x80] {
        var bytes = small.segment.bytes
        bytes[index] ^= mask
        #expect(throws: SegmentError.self, "byte \(index)") {
          try SegmentBytes.readAll(bytes, keys: small.keys, hashing: true)
        }
      }
    }
  }

  /// A reader that does not hash the whole object notices everything but a change of the hash itself.
  @Test func noChangedByteIsReadAsAMessage() throws {
    let small = try Small()
    let hash = small.segment.bytes.count - SegmentTrailer.uncoveredSize..<small.segment.bytes.count - 8
    for index in small.segment.bytes.indices where !hash.contains(index) {
      var bytes = small.segment.bytes
      bytes[index] ^= 0x04
      #expect(throws: SegmentError.self, "byte \(index)") {
        try SegmentBytes.readAll(bytes, keys: small.keys, hashing: false)
      }
    }
  }

  @Test func everyTruncationIsDetected() throws {
    let small = try Small()
    for length in 0..<small.segment.bytes.count {
      for bytes in [Array(small.segment.bytes.prefix(length)), Array(small.segment.bytes.suffix(length))] {
        #expect(throws: SegmentError.self, "\(length) bytes") {
          try SegmentBytes.readAll(bytes, keys: small.keys, hashing: false)
        }
      }
    }
  }

  @Test func bytesAddedOrTakenOutAreDetected() throws {
    let small = try Small()
    for index in small.segment.bytes.indices {
      var longer = small.segment.bytes
      longer.insert(0, at: index)
      var shorter = small.segment.bytes
      shorter.remove(at: index)
      for bytes in [longer, shorter] {
        #expect(throws: SegmentError.self, "byte \(index)") {
          try SegmentBytes.readAll(bytes, keys: small.keys, hashing: false)
        }
      }
    }
  }

  /// The entry is of one block, the bytes and their hash of another: what someone could do who writes to the
  /// catalogue and the store, but has no keys.
  @Test func noBlockPassesForAnother() throws {
    let small = try Small()
    for place in small.segment.directory {
      for other in small.segment.directory where other != place {
        let forged = place.with(length: other.length, hash: other.hash)
        #expect(throws: SegmentError.self) {
          try SegmentReader.decode(
            forged, small.segment.block(other), identity: small.segment.identity, keys: small.keys)
        }
      }
    }
  }

  @Test func swappedBlocksAreDetected() throws {
    let small = try Small()
    let (first, second) = (small.segment.directory[0], small.segment.directory[1])
    let bytes = small.segment.bytes
    let swapped =
      Array(bytes.prefix(Int(first.offset))) + small.segment.block(second) + small.segment.block(first)
      + Array(bytes.dropFirst(Int(second.offset) + Int(second.length)))
    #expect(swapped.count == bytes.count)
    #expect(throws: SegmentError.self) { try SegmentBytes.readAll(swapped, keys: small.keys, hashing: false) }
  }

  @Test func repeatedBlocksAreDetected() throws {
    let small = try Small()
    let (first, second) = (small.segment.directory[0], small.segment.directory[1])
    #expect(first.length == second.length)
    var bytes = small.segment.bytes
    bytes.replaceSubrange(
      Int(second.offset)..<Int(second.offset) + Int(second.length), with: small.segment.block(first))
    #expect(throws: SegmentError.self) { try SegmentBytes.readAll(bytes, keys: small.keys, hashing: false) }
  }

  @Test func swappedLanesAreDetected() throws {
    let small = try Small()
    let entry = small.segment.directory[0]
    var block = small.segment.block(entry)
    // One byte tells how long the table is, as it is shorter than 128.
    let start = 1 + Int(block[0])
    let lanes = Array(block.dropFirst(start))
    let half = lanes.count / 2
    // Lanes are of equal length, so the table's lengths stay right.
    block = Array(block.prefix(start)) + Array(lanes.suffix(half)) + Array(lanes.prefix(half))
    #expect(throws: SegmentError(.damaged, "lane 0 of block 0")) {
      try SegmentReader.decode(
        entry.with(length: entry.length, hash: BlockEntry.hash(of: block)), block,
        identity: small.segment.identity,
        keys: small.keys)
    }
  }

  @Test func aBlockOfAnotherSegmentIsDetected() throws {
    let small = try Small()
    let other = try SegmentBytes(small.blocks, keys: small.keys)
    for (mine, theirs) in zip(small.segment.directory, other.directory) {
      #expect(throws: SegmentError.self) {
        try SegmentReader.decode(
          mine.with(length: theirs.length, hash: theirs.hash), other.block(theirs),
          identity: small.segment.identity,
          keys: small.keys)
      }
    }
  }

  @Test func aFooterOfAnotherSegmentIsDetected() throws {
    let small = try Small()
    let other = try SegmentBytes(small.blocks, keys: small.keys)
    let mixed =
      Array(small.segment.bytes.prefix(SegmentIdentity.headerSize))
      + Array(other.bytes.dropFirst(SegmentIdentity.headerSize))
    #expect(throws: SegmentError(.damaged, "the footer")) {
      try SegmentBytes.readAll(mixed, keys: small.keys, hashing: false)
    }
  }

  @Test func aWrongEntryIsDetected() throws {
    let small = try Small()
    let entry = small.segment.directory[0]
    let later = MessagePosition(createdAt: entry.firstPosition.createdAt.adding(seconds: 1), sequence: 1)
    for forged in [
      entry.with(first: later), entry.with(last: later), entry.with(count: 1), entry.with(count: 3),
      entry.with(ordinal: 1), entry.with(conversation: ConversationID(rawValue: 2)),
      entry.with(first: .init(createdAt: .earliest, sequence: 0)),
      entry.with(last: .init(createdAt: .latest, sequence: 0)),
    ] {
      #expect(throws: SegmentError.self) {
        try SegmentReader.decode(
          forged, small.segment.block(entry), identity: small.segment.identity, keys: small.keys)
      }
    }
  }
}

extension BlockEntry {
  func with(
    ordinal: Int32? = nil, conversation: ConversationID? = nil, first: MessagePosition? = nil,
    last: MessagePosition? = nil, count: Int32? = nil, length: Int32? = nil, hash: [UInt8]? = nil
  ) -> BlockEntry {
    BlockEntry(
      ordinal: ordinal ?? self.ordinal, conversation: conversation ?? self.conversation, route: route,
      firstPosition: first ?? firstPosition, lastPosition: last ?? lastPosition, count: count ?? self.count,
      offset: offset, length: length ?? self.length, hash: hash ?? self.hash)
  }
}
