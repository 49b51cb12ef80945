import Model
import SearchIndex
import Testing

@Suite("Purging")
struct PurgeTests {
  let scratch = Scratch()

  /// Words that no other document has, long enough not to occur by chance.
  static func secret(_ number: Int64) -> [UInt8] { Sample.word("secret-of-\(number)-\(number &* 7_919)") }

  static func documents() -> [IndexDocument] {
    var random = Random(seed: 3)
    return (Int64(1)...400).map { number in
      var document = Sample.document(number, &random, seconds: Int(number))
      document.terms.append(secret(number))
      document.positioned.append(secret(number) + Array("-placed".utf8))
      return document
    }
  }

  /// Every file below, whole.
  static func bytes(below path: String) -> [(name: String, bytes: [UInt8])] {
    Scratch.names(in: path).flatMap { name in
      !name.hasPrefix("group-") && !name.hasPrefix("generation-")
        ? [(name, Scratch.read("\(path)/\(name)"))] : bytes(below: "\(path)/\(name)")
    }
  }

  static func holds(_ bytes: [UInt8], _ needle: [UInt8]) -> Bool {
    bytes.withUnsafeBufferPointer { (bytes: UnsafeBufferPointer<UInt8>) in
      guard bytes.count >= needle.count else { return false }
      for start in 0...(bytes.count - needle.count) where bytes[start] == needle[0] {
        if needle.indices.allSatisfy({ bytes[start + $0] == needle[$0] }) { return true }
      }
      return false
    }
  }

  enum Target: CaseIterable { case sender, conversation, sequences }

  @Test(
    "leaves no byte of what it took, and everything else", arguments: Target.allCases,
    [GenerationLimits(), SearchTests.small])
  func traces(target: Target, limits: GenerationLimits) async throws {
    let index = try SearchIndex(directory: scratch.path, groups: 1, limits: limits)
    let documents = Self.documents()
    for start in stride(from: 0, to: 400, by: 40) {
      try await index.apply(
        documents[start..<(start + 40)].map { .put($0) }, group: 0, upTo: Int64(start + 40))
      if start % 120 == 0 { try await index.settle(group: 0) }
    }
    _ = try await index.search(Sample.query(.everything))
    let isGone = { (document: IndexDocument) in
      switch target {
      case .sender: document.sender == Sample.senders[1]
      case .conversation: document.conversation == Sample.conversations[2]
      case .sequences: document.sequence % 5 == 0
      }
    }
    let (going, staying) = (documents.filter(isGone), documents.filter { !isGone($0) })
    let count =
      switch target {
      case .sender: try await index.purge(sender: Sample.senders[1], group: 0)
      case .conversation: try await index.purge(conversation: Sample.conversations[2], group: 0)
      case .sequences: try await index.purge(sequences: going.map(\.sequence), group: 0)
      }
    #expect(count == going.count)
    #expect(try await index.position(group: 0) == 400)
    #expect(try await index.documentCount(group: 0) == staying.count)
    #expect(try await index.check() == [])

    let files = Self.bytes(below: scratch.path)
    #expect(files.contains { $0.name == "sidecar" } && files.contains { $0.name == "postlist.glass" })
    var needles = going.prefix(12).map { Self.secret($0.sequence).suffix(8) }.map(Array.init)
    if target == .sender { needles.append(Self.littleEndian(Sample.senders[1].rawValue)) }
    if target == .sender { needles.append(IndexTerms.sender(Sample.senders[1])) }
    if target == .conversation { needles.append(Self.littleEndian(Sample.conversations[2].rawValue)) }
    for needle in needles {
      for file in files { #expect(!Self.holds(file.bytes, needle), "\(file.name)") }
    }
    #expect(try await !index.holds(anyOf: going.map { Self.secret($0.sequence) }, group: 0))
    #expect(try await index.holds(anyOf: [Self.secret(staying[0].sequence)], group: 0))

    let rebuilt = Scratch()
    let fresh = try SearchIndex(directory: rebuilt.path, groups: 1)
    try await fresh.apply(staying.map { .put($0) }, group: 0, upTo: 400)
    #expect(try await index.fingerprint(group: 0) == fresh.fingerprint(group: 0))
    try await index.apply([.put(Sample.message(401, "ab"))], group: 0, upTo: 401)
    #expect(try await index.search(Sample.query(.everything, limit: 1)).sequences == [401])
    await fresh.close()
    await index.close()
  }

  static func littleEndian(_ number: Int64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  @Test("may be repeated, may take everything, and readers elsewhere follow")
  func repeated() async throws {
    let index = try SearchIndex(directory: scratch.path, groups: 1)
    let elsewhere = try SearchIndex(directory: scratch.path, groups: 1)
    try await index.apply((1...9).map { .put(Sample.message($0, "ab")) }, group: 0, upTo: 9)
    #expect(try await elsewhere.search(Sample.query(.everything)).matches == 9)
    #expect(try await index.purge(sender: Sample.senders[0], group: 0) == 9)
    #expect(try await index.purge(sender: Sample.senders[0], group: 0) == 0)
    #expect(try await elsewhere.search(Sample.query(.everything)).matches == 0)
    #expect(try await elsewhere.position(group: 0) == 9)
    #expect(try await index.check() == [])
    await index.close()
    await elsewhere.close()
  }
}
