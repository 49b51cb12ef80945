import Model
import Testing
import Zstd

@testable import SegmentFormat

/// What goes into a dictionary: nothing that fewer than eight people wrote.
@Suite struct DictionaryTests {
  private func counter(_ authors: [[String]]) -> PhraseCounter {
    var counter = PhraseCounter(seed: 7)
    for texts in authors { counter.add(author: texts.map { Array($0.utf8) }) }
    return counter
  }

  private func phrases(_ authors: [[String]]) -> Set<String> {
    let counter = counter(authors)
    return Set(counter.common().map { String(decoding: counter.content($0), as: UTF8.self) })
  }

  @Test func aPhraseOfSevenAuthorsIsNotCommon() {
    let phrase = "see you at the usual place"
    #expect(phrases(Array(repeating: [phrase], count: 7)).isEmpty)
    #expect(phrases(Array(repeating: [phrase], count: 8)).contains(phrase + "\0"))
  }

  @Test func oneAuthorDoesNotBecomeEight() {
    #expect(phrases([Array(repeating: "my number is 0170 555", count: 100)]).isEmpty)
  }

  /// Each half is common, the whole is not.
  @Test func whatIsCommonInPartsOnlyStaysOut() {
    let found = phrases(
      Array(repeating: ["call me at"], count: 8) + Array(repeating: ["me at 0170 555"], count: 8)
        + [["call me at 0170 555"]])
    #expect(found.contains("call me at"))
    #expect(found.contains("me at 0170 555\0"))
    #expect(!found.contains { $0.hasPrefix("call me at 0") })
  }

  @Test func phrasesDoNotReachIntoTheNextText() {
    let found = phrases(Array(repeating: ["good morning", "good night"], count: 8))
    #expect(found.contains("good morning\0"))
    #expect(!found.contains { $0.contains("\0g") })
  }

  /// A word whose bytes are UTF-8 is cut between characters only.
  @Test func charactersStayWhole() {
    let found = phrases((0..<8).map { ["おはよう" + String($0)] })
    #expect(found.contains("おはよう"))
    let texts = found.map { String(validating: $0.utf8, as: UTF8.self) }
    #expect(!texts.contains(nil) && !found.contains { $0.contains("\u{FFFD}") })
  }

  @Test func everyRunOfADictionaryIsCommon() throws {
    var generator = SeededGenerator.announced()
    let words = (0..<60).map { _ in String(Int.random(in: 100...9_999, using: &generator), radix: 36) + "x" }
    let authors = (0..<40).map { author in
      (0..<60).map { _ in
        (0..<6).map { _ in
          words[min(Int.random(in: 0..<60, using: &generator), Int.random(in: 0..<60, using: &generator))]
        }
        .joined(separator: " ") + " secret\(author)"
      }
    }
    let counter = counter(authors)
    let content = DictionaryTrainer.selected(counter, size: 4_000)
    #expect(content.count > 1_000 && content.count <= 4_000)
    let text = String(decoding: content, as: UTF8.self)
    for author in 0..<40 { #expect(!text.contains("secret\(author)"), "MUNIMENT_SEED=\(generator.seed)") }
    for phrase in counter.common() {
      let run = String(decoding: counter.content(phrase), as: UTF8.self)
      let writers = authors.filter { $0.contains { ($0 + "\0").contains(run) } }.count
      #expect(writers >= PhraseCounter.authorsMin, "MUNIMENT_SEED=\(generator.seed)")
    }
    let samples = authors.map { Array($0.joined(separator: "\0").utf8) }
    let bytes = DictionaryTrainer.dictionary(counter, samples: samples) ?? content
    let dictionary = try ZstdDictionary(bytes, level: 12)
    let lane = Array(authors[0][0].utf8)
    let alone = ZstdFrame.compress(lane, level: 12).count
    switch ZstdFrame.compressLean(lane, level: 12, dictionary: dictionary) {
    case .block(let block):
      #expect(block.count < alone)
      #expect(try ZstdFrame.decompressBlock(block, limit: 4_096, dictionary: dictionary) == lane)
    case .frame(let frame):
      #expect(frame.count < alone)
      #expect(try ZstdFrame.decompress(frame, limit: 4_096, dictionary: dictionary) == lane)
    }
  }

  @Test func aSegmentSaysWhichDictionaryItNeeds() throws {
    let segment = try SegmentBytes(
      Fixture.blocks, keys: Fixture.keys, id: Fixture.id, dictionary: Fixture.dictionaryID)
    #expect(segment.identity.dictionary == Fixture.dictionaryID)
    #expect(try SegmentIdentity(header: segment.identity.header) == segment.identity)
    var keys = Fixture.keys
    keys.dictionary = nil
    #expect(throws: SegmentError(.dictionaryMissing, "segment \(segment.identity.hex)")) {
      try SegmentBytes.readAll(segment.bytes, keys: keys, hashing: true)
    }
    #expect(throws: SegmentError(.dictionaryMissing, "segment \(segment.identity.hex)")) {
      try SegmentBytes(Fixture.blocks, keys: keys, id: Fixture.id, dictionary: Fixture.dictionaryID)
    }
    keys.dictionary = try ZstdDictionary(Array("something else altogether, of any length".utf8), level: 12)
    #expect(throws: SegmentError.self) {
      let read = try SegmentBytes.readAll(segment.bytes, keys: keys, hashing: true)
      // zstd cannot tell that a dictionary is another one, but what comes of it is not a payload's text.
      if read != Fixture.blocks.flatMap(\.messages) { throw SegmentError(.damaged, "the text") }
    }
  }

  @Test func columnsTogetherAreTheObject() throws {
    var generator = SeededGenerator.announced()
    let population = Population(using: &generator)
    for segment in [
      try SegmentBytes(population.blocks, keys: population.keys),
      try SegmentBytes(Fixture.blocks, keys: Fixture.keys, id: Fixture.id, dictionary: Fixture.dictionaryID),
    ] {
      #expect(segment.costs.total == Int64(segment.bytes.count))
      #expect(ColumnCosts(row: segment.costs.row) == segment.costs)
    }
  }
}
