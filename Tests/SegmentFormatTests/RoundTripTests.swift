import Model
import SegmentFormat
import Sodium
import Testing

@Suite struct RoundTripTests {
  @Test func whatWasWrittenIsRead() throws {
    var generator = SeededGenerator.announced()
    for _ in 0..<12 {
      let population = Population(using: &generator)
      let segment = try SegmentBytes(population.blocks, keys: population.keys)
      let read = try SegmentBytes.readAll(segment.bytes, keys: population.keys, hashing: true)
      #expect(read == population.messages, "MUNIMENT_SEED=\(generator.seed)")
    }
  }

  @Test func theDirectorySaysWhereEachBlockLiesAndWhatItHolds() throws {
    var generator = SeededGenerator.announced()
    let population = Population(using: &generator)
    let segment = try SegmentBytes(population.blocks, keys: population.keys)
    #expect(segment.directory.count == population.blocks.count)
    var end = Int64(SegmentIdentity.headerSize)
    for (entry, block) in zip(segment.directory, population.blocks) {
      #expect(entry.offset == end)
      end += Int64(entry.length)
      #expect(entry.conversation == block.conversation)
      #expect(Int(entry.count) == block.messages.count)
      #expect(entry.firstPosition == block.messages.first?.position)
      #expect(entry.lastPosition == block.messages.last?.position)
      #expect(entry.hash == BlockEntry.hash(of: segment.block(entry)))
    }
  }

  @Test func aBlockNamesItsAuthorsToWhomeverHoldsItsKeys() throws {
    var generator = SeededGenerator.announced()
    let population = Population(using: &generator)
    let segment = try SegmentBytes(population.blocks, keys: population.keys)
    for (entry, block) in zip(segment.directory, population.blocks) {
      let senders = try SegmentReader.senders(
        of: entry, segment.block(entry), identity: segment.identity, keys: population.keys)
      #expect(Set(senders) == Set(block.messages.map(\.sender)))
      #expect(senders.count == Set(senders).count)
    }
  }

  @Test func aSegmentWithoutBlocksIsReadable() throws {
    let keys = TestKeyring(subjects: [], conversations: [])
    let segment = try SegmentBytes([], keys: keys)
    #expect(try SegmentBytes.readAll(segment.bytes, keys: keys, hashing: true).isEmpty)
  }

  @Test func timesBefore1970AndExtremePositionsSurvive() throws {
    let subject = SubjectID(rawValue: 1)
    let conversation = ConversationID(rawValue: Int64.min)
    let keys = TestKeyring(subjects: [subject], conversations: [conversation])
    let messages = [(Int64.min, 1), (-1, Int64.max), (0, Int64.min), (Int64.max, Int64.max)].map {
      time, sequence in
      StoredMessage(
        key: MessageKey(high: time, low: sequence),
        position: MessagePosition(createdAt: Timestamp(microseconds: time), sequence: sequence),
        conversation: conversation, sender: subject, payload: [1])
    }
    let segment = try SegmentBytes([(conversation, messages)], keys: keys)
    #expect(try SegmentBytes.readAll(segment.bytes, keys: keys, hashing: true) == messages)
  }

  @Test func neitherTextNorIdsOfPeopleLieOpenInTheBytes() throws {
    let subject = SubjectID(rawValue: 0x0123_4567_89AB_CDEF)
    let conversation = ConversationID(rawValue: 0x1122_3344_5566_7788)
    let keys = TestKeyring(subjects: [subject], conversations: [conversation])
    let text = Array("the quick brown fox".utf8)
    let message = StoredMessage(
      key: MessageKey(high: 0x55AA_55AA_55AA_55AA, low: 2),
      position: MessagePosition(createdAt: Timestamp(civil: 2015, 8, 2), sequence: 1),
      conversation: conversation,
      sender: subject, payload: text)
    let segment = try SegmentBytes([(conversation, [message])], keys: keys)
    for number in [subject.rawValue, conversation.rawValue, message.key.high] {
      let little = withUnsafeBytes(of: number.littleEndian) { Array($0) }
      #expect(!segment.bytes.contains(little))
    }
    #expect(!segment.bytes.contains(text))
  }
}

extension [UInt8] {
  func contains(_ part: [UInt8]) -> Bool {
    indices.dropLast(part.count - 1).contains { Array(self[$0..<$0 + part.count]) == part }
  }
}
