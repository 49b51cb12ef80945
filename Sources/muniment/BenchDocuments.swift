import Foundation
import Ingestion
import Model
import SearchTokens

/// Where a benchmark's documents come from; every call of ``stream()`` gives the same ones.
struct BenchDocuments: Sendable {
  /// For the report.
  let name: String
  let count: Int
  let vocabulary: BenchVocabulary
  /// Numbered from 1.
  let conversations: Int
  private let origin: Origin

  private enum Origin {
    case synthetic(seed: UInt64)
    case read([BenchDocument])
  }

  /// Words, conversations and authors follow Zipf's law; about twelve words each.
  init(synthetic count: Int, seed: UInt64) {
    name = "synthetic, seed \(seed)"
    self.count = count
    // One conversation for every 20 messages until there are enough for the widest reader, then every 200.
    conversations = max(4, min(count / 20, 25_000), count / 200)
    var vocabulary = BenchVocabulary()
    for rank in 0..<SyntheticDocuments.vocabulary { _ = vocabulary.number(SyntheticChat.word(rank)) }
    self.vocabulary = vocabulary
    origin = .synthetic(seed: seed)
  }

  /// What was read, once.
  init(_ reader: BenchCorpusReader, name: String) {
    self.name = name
    let documents = reader.sorted()
    count = documents.count
    vocabulary = reader.vocabulary
    conversations = reader.conversations.count
    origin = .read(documents)
  }

  /// The corpora's messages in order of time, again and again as other conversations until there are `count`.
  init(_ paths: [String], count: Int) throws {
    var reader = BenchCorpusReader()
    for path in paths { try reader.read(path) }
    let documents = reader.sorted()
    guard !documents.isEmpty else { throw BenchError("the corpora have no messages; are the files corpora?") }
    self.count = count
    vocabulary = reader.vocabulary
    let copies = (count + documents.count - 1) / documents.count
    conversations = reader.conversations.count * copies
    let names = paths.map { URL(fileURLWithPath: $0).lastPathComponent }.joined(separator: ", ")
    name = copies > 1 ? "\(names), \(copies) times over" : names
    origin = .read(documents)
  }

  func stream() -> BenchDocumentStream {
    switch origin {
    case .synthetic(let seed):
      BenchDocumentStream(synthetic: SyntheticDocuments(count, conversations, seed: seed))
    case .read(let documents): BenchDocumentStream(documents, count: count)
    }
  }
}

/// Documents one after another.
struct BenchDocumentStream: Sendable {
  private var synthetic: SyntheticDocuments?
  private let read: [BenchDocument]
  private let count: Int
  private let span: Int64
  private let conversations: Int64
  private var made = 0

  init(synthetic: SyntheticDocuments) {
    self.synthetic = synthetic
    (read, count, span, conversations) = ([], 0, 0, 0)
  }

  init(_ read: [BenchDocument], count: Int) {
    self.read = read
    self.count = count
    span = read[read.count - 1].createdAt - read[0].createdAt + 1
    conversations = (read.lazy.map(\.conversation).max() ?? 0) + 1
  }

  mutating func next() -> BenchDocument? {
    if synthetic != nil { return synthetic?.next() }
    guard made < count else { return nil }
    defer { made += 1 }
    let copy = Int64(made / read.count)
    var document = read[made % read.count]
    document.ordinal = Int64(made + 1)
    document.createdAt += copy * span
    document.conversation += copy * conversations
    return document
  }

  mutating func next(_ most: Int) -> [BenchDocument] {
    var documents: [BenchDocument] = []
    documents.reserveCapacity(most)
    while documents.count < most, let document = next() { documents.append(document) }
    return documents
  }
}

/// Chat by numbers alone: ``SyntheticChat`` without the text, fast enough for millions.
struct SyntheticDocuments: Sendable {
  static let vocabulary = 20_000

  private let count: Int
  private let step: Int64
  private let words = ZipfDistribution(count: Self.vocabulary)
  private let conversations: ZipfDistribution
  private let authors = ZipfDistribution(count: 40)
  private let subjects: Int
  private var random: SplitMix64
  private var made = 0

  private static let start = Timestamp(civil: 2024, 1, 1).microseconds
  private static let spanMicroseconds: Int64 = 90 * 86_400_000_000

  init(_ count: Int, _ conversations: Int, seed: UInt64) {
    self.count = count
    step = Self.spanMicroseconds / Int64(count)
    self.conversations = ZipfDistribution(count: conversations)
    subjects = max(count / 50, 50)
    random = SplitMix64(seed: seed)
  }

  mutating func next() -> BenchDocument? {
    guard made < count else { return nil }
    made += 1
    let conversation = conversations.draw(&random)
    // Conversations share people: the same few indexes below lead to different subjects in each.
    let subject = (conversation * 17 + authors.draw(&random) * 31) % subjects
    let length = 1 + Int(random.next() % 8) + Int(random.next() % 16)
    return BenchDocument(
      ordinal: Int64(made), conversation: Int64(conversation + 1), sender: Int64(subject + 1),
      createdAt: Self.start + Int64(made) * step, words: (0..<length).map { _ in UInt32(words.draw(&random)) }
    )
  }
}

/// Reads corpora into numbers.
struct BenchCorpusReader {
  private(set) var vocabulary = BenchVocabulary()
  /// The platform's ids, by number less one.
  private(set) var conversations: [String] = []
  /// Of messages, in the order they were read.
  private(set) var messages: [String] = []
  private var documents: [BenchDocument] = []
  private var conversationNumbers: [String: Int64] = [:]
  private var senderNumbers: [String: Int64] = [:]
  private let tokenizer = Tokenizer()

  mutating func read(_ path: String) throws {
    var reader = try SourceReader(path)
    let decoder = CorpusDecoder()
    while let line = try reader.next() {
      guard let bytes = line.bytes, let message = try? decoder.decode(bytes) else { continue }
      let found = tokenizer.tokens(in: message.content)
      let extras = Set(found.set).subtracting(found.words).sorted()
      let conversation = Self.number(message.conversationID, in: &conversationNumbers)
      if conversation > Int64(conversations.count) { conversations.append(message.conversationID) }
      messages.append(message.messageID)
      documents.append(
        BenchDocument(
          ordinal: 0, conversation: conversation,
          sender: Self.number(message.senderID, in: &senderNumbers),
          createdAt: message.createdAt.microseconds, words: found.words.map { vocabulary.number($0) },
          extras: extras.map { vocabulary.number($0) }))
    }
  }

  /// The places in ``messages`` in order of time.
  var order: [Int] {
    documents.indices.sorted { (documents[$0].createdAt, $0) < (documents[$1].createdAt, $1) }
  }

  /// The times in that order.
  var times: [Int64] { order.map { documents[$0].createdAt } }

  /// In order of time; of those with the same one, each gets a microsecond more.
  func sorted() -> [BenchDocument] {
    var last: Int64?
    return order.enumerated().map { number, place in
      var document = documents[place]
      document.ordinal = Int64(number + 1)
      document.createdAt = max(document.createdAt, last.map { $0 + 1 } ?? .min)
      last = document.createdAt
      return document
    }
  }

  private static func number(_ name: String, in numbers: inout [String: Int64]) -> Int64 {
    if let known = numbers[name] { return known }
    let number = Int64(numbers.count + 1)
    numbers[name] = number
    return number
  }
}
