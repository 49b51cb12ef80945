import Model
import SearchIndex
import Testing

@Suite("What the index says it holds")
struct ContentsTests {
  let scratch = Scratch()

  private static func documents() -> [IndexDocument] {
    var random = Random(seed: 11)
    return (Int64(1)...300).map { number in
      var document = Sample.document(number, &random, seconds: Int(number))
      // Repeats, a word at several places, and one that is a plain term too.
      document.positioned += [Sample.word("twice"), Sample.word("once"), Sample.word("twice")]
      document.terms += [Sample.word("once"), Sample.word("once")]
      return document
    }
  }

  @Test(
    "the digest of a document in the index is the one computed from what it should be",
    arguments: [false, true])
  func digests(isSealed: Bool) async throws {
    let index = try SearchIndex(directory: scratch.path, groups: 1)
    let documents = Self.documents()
    try await index.apply(documents.map { .put($0) }, group: 0, upTo: 300)
    if isSealed { try await index.compact(group: 0) }
    let found = try await index.contents(of: Array(1...400), group: 0, withDigests: true)
    #expect(found.count == 300)
    for document in documents { #expect(found[document.sequence]?.digest == document.digest) }
    var other = documents[7]
    other.positioned.swapAt(other.positioned.count - 1, other.positioned.count - 2)
    #expect(other.digest != documents[7].digest)
    await index.close()
  }

  @Test("what was deleted is not there, and what was put anew is the newest", arguments: [false, true])
  func newest(isSealed: Bool) async throws {
    let index = try SearchIndex(directory: scratch.path, groups: 1)
    var documents = Self.documents()
    try await index.apply(documents.map { .put($0) }, group: 0, upTo: 300)
    if isSealed { try await index.compact(group: 0) }
    documents[4].terms.append(Sample.word("added"))
    try await index.apply([.delete(sequence: 9), .put(documents[4])], group: 0, upTo: 301)
    let found = try await index.contents(of: [5, 9, 10], group: 0, withDigests: true)
    #expect(found.keys.sorted() == [5, 10])
    #expect(found[5]?.digest == documents[4].digest)
    #expect(found[10]?.digest == documents[9].digest)
    await index.close()
  }

  @Test("a rebuild behind what is served is not served; one that has it all is")
  func publishing() async throws {
    let index = try SearchIndex(directory: scratch.path, groups: 1)
    let documents = Self.documents()
    try await index.apply(documents.map { .put($0) }, group: 0, upTo: 300)
    let sound = try await index.fingerprint(group: 0)
    try await index.applyToRebuild(documents.prefix(200).map { .put($0) }, group: 0, upTo: 200)
    #expect(try await !index.publishRebuild(group: 0))
    #expect(try await index.documentCount(group: 0) == 300)
    // What is purged meanwhile does not come back with the rebuild.
    try await index.purge(sequences: [3], group: 0)
    try await index.applyToRebuild(documents.suffix(100).map { .put($0) }, group: 0, upTo: 300)
    #expect(try await index.publishRebuild(group: 0))
    #expect(try await index.documentCount(group: 0) == 299)
    try await index.apply([.put(documents[2])], group: 0, upTo: 301)
    #expect(try await index.fingerprint(group: 0) == sound)
    await index.close()
  }
}
