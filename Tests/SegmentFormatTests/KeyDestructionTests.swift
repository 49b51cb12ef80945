import Model
import Testing

@testable import SegmentFormat

/// One key destroyed takes exactly what it stands for.
@Suite struct KeyDestructionTests {
  private static func setUp() throws -> (population: Population, segment: SegmentBytes, seed: UInt64) {
    var generator = SeededGenerator.announced()
    let population = Population(using: &generator)
    return (population, try SegmentBytes(population.blocks, keys: population.keys), generator.seed)
  }

  @Test func anAuthorsKeyTakesExactlyTheAuthorsMessages() throws {
    let (population, segment, seed) = try Self.setUp()
    for subject in population.subjects {
      var keys = population.keys
      keys.subjects[subject] = nil
      let read = try SegmentBytes.readAll(segment.bytes, keys: keys, hashing: false)
      #expect(read == population.messages.filter { $0.sender != subject }, "MUNIMENT_SEED=\(seed)")
    }
  }

  @Test func aConversationsKeyTakesExactlyTheConversationsMessages() throws {
    let (population, segment, seed) = try Self.setUp()
    for conversation in population.conversations {
      var keys = population.keys
      keys.conversations[conversation] = nil
      let read = try SegmentBytes.readAll(segment.bytes, keys: keys, hashing: false)
      #expect(read == population.messages.filter { $0.conversation != conversation }, "MUNIMENT_SEED=\(seed)")
    }
  }

  @Test func thePeriodsKeyTakesEverythingAndTheDirectory() throws {
    let (population, segment, _) = try Self.setUp()
    var keys = population.keys
    keys.period = nil
    #expect(throws: SegmentError(.keyDestroyed, "the period")) {
      try SegmentBytes.readAll(segment.bytes, keys: keys, hashing: false)
    }
    for entry in segment.directory {
      let decoded = try segment.decode(entry, keys: keys)
      #expect(decoded.messages.isEmpty)
      #expect(decoded.unreadable == Int(entry.count))
      #expect(
        try SegmentReader.senders(of: entry, segment.block(entry), identity: segment.identity, keys: keys)
          .isEmpty)
    }
  }

  @Test func unreadableMessagesAreCounted() throws {
    let (population, segment, seed) = try Self.setUp()
    var keys = population.keys
    keys.subjects[population.subjects[0]] = nil
    for (entry, block) in zip(segment.directory, population.blocks) {
      let lost = block.messages.filter { $0.sender == population.subjects[0] }.count
      #expect(try segment.decode(entry, keys: keys).unreadable == lost, "MUNIMENT_SEED=\(seed)")
    }
  }

  @Test func aWrongKeyIsNotTakenForADestroyedOne() throws {
    let (population, segment, _) = try Self.setUp()
    let other = TestKeyring(subjects: population.subjects, conversations: population.conversations)
    #expect(throws: SegmentError.self) { try segment.decode(segment.directory[0], keys: other) }
    #expect(throws: SegmentError(.damaged, "the footer")) {
      try SegmentBytes.readAll(segment.bytes, keys: other, hashing: false)
    }
  }

  @Test func theWriterNeedsEveryKey() throws {
    let (population, _, _) = try Self.setUp()
    let block = population.blocks[0]
    for drop in [
      { (keys: inout TestKeyring) in keys.period = nil },
      { (keys: inout TestKeyring) in keys.conversations[block.conversation] = nil },
      { (keys: inout TestKeyring) in keys.subjects[block.messages[0].sender] = nil },
    ] {
      var keys = population.keys
      drop(&keys)
      #expect { try SegmentBytes([block], keys: keys) } throws: {
        ($0 as? SegmentError)?.code == .keyDestroyed
      }
    }
  }
}
