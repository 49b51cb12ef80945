import Foundation
import Ingestion
import Model
import SearchTokens
import Sodium

/// What a benchmark reads: the beginning of a real corpus, or synthetic chat.
struct BenchCorpus: Sendable {
  let path: String
  let messages: Int
  /// For the report.
  let name: String

  /// Writes up to `options.messages` lines to `path`.
  static func write(_ options: BenchOptions, to path: String) throws -> BenchCorpus {
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let file = FileHandle(forWritingAtPath: path)
    else { throw CocoaError(.fileWriteUnknown) }
    defer { try? file.close() }
    var buffer: [UInt8] = []
    func append(_ line: some Sequence<UInt8>) throws {
      buffer += line
      buffer.append(0x0A)
      guard buffer.count > 1 << 20 else { return }
      try file.write(contentsOf: buffer)
      buffer.removeAll(keepingCapacity: true)
    }
    var count = 0
    let name: String
    if !options.corpora.isEmpty {
      for (number, corpus) in options.corpora.enumerated() {
        // As much of each file, but for what earlier ones had too little of.
        let most = count + (options.messages - count) / (options.corpora.count - number)
        var reader = try SourceReader(corpus)
        while count < most, let line = try reader.next() {
          guard let bytes = line.bytes else { continue }
          try append(bytes)
          count += 1
        }
      }
      name = options.corpora.map { URL(fileURLWithPath: $0).lastPathComponent }.joined(separator: ", ")
    } else {
      var chat = SyntheticChat(messages: options.messages, seed: options.seed)
      while let line = chat.next() {
        try append(line.utf8)
        count += 1
      }
      name = "synthetic, seed \(options.seed)"
    }
    try file.write(contentsOf: buffer)
    return BenchCorpus(path: path, messages: count, name: name)
  }
}

extension BenchCorpus {
  /// The same lines with bodies as a client with `master` seals them, in base64: what peers get of sealed messages.
  func sealed(_ master: TokenMaster, tenant: String, to path: String) throws -> BenchCorpus {
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let file = FileHandle(forWritingAtPath: path)
    else { throw CocoaError(.fileWriteUnknown) }
    defer { try? file.close() }
    var reader = try SourceReader(self.path)
    var buffer = Data()
    while let line = try reader.next() {
      guard let bytes = line.bytes,
        var message = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any],
        let text = message["content"] as? String, let id = message["message_id"] as? String,
        let conversation = message["conversation_id"] as? String
      else { throw BenchError("a line of the corpus has no content to seal") }
      let key = master.bodyKey(tenant: tenant, conversation: conversation)
      message["content"] = key.seal(text, messageID: id).base64()
      buffer += try JSONSerialization.data(
        withJSONObject: message, options: [.sortedKeys, .withoutEscapingSlashes])
      buffer.append(0x0A)
      guard buffer.count > 1 << 20 else { continue }
      try file.write(contentsOf: buffer)
      buffer.removeAll(keepingCapacity: true)
    }
    try file.write(contentsOf: buffer)
    return BenchCorpus(path: path, messages: messages, name: name)
  }
}

/// Chat made up the same way for the same seed: words, conversations and their members follow Zipf's law, as in
/// real corpora; times run over ninety days from 2024-01-01.
struct SyntheticChat {
  private let messages: Int
  private let step: Int64
  private let words: ZipfDistribution
  private let conversations: ZipfDistribution
  /// Of a conversation's own members.
  private let authors = ZipfDistribution(count: 40)
  private let subjects: Int
  /// In front of the messages' ids.
  private let prefix: String
  private var random: SplitMix64
  private var made = 0

  private static let start = Timestamp(civil: 2024, 1, 1)
  private static let spanSeconds: Int64 = 90 * 86_400
  private static let vocabulary = 20_000

  init(messages: Int, seed: UInt64, prefix: String = "m") {
    self.messages = messages
    self.prefix = prefix
    step = Self.spanSeconds * 1_000_000 / Int64(messages)
    words = ZipfDistribution(count: Self.vocabulary)
    conversations = ZipfDistribution(count: max(messages / 200, 4))
    subjects = max(messages / 50, 50)
    random = SplitMix64(seed: seed)
  }

  /// The next message as a line of the `corpus` format.
  mutating func next() -> String? {
    guard made < messages else { return nil }
    defer { made += 1 }
    let conversation = conversations.draw(&random)
    // Conversations share people: the same few indexes below lead to different subjects in each.
    let subject = (conversation * 17 + authors.draw(&random) * 31) % subjects
    let at = Timestamp(microseconds: Self.start.microseconds + Int64(made) * step)
    let length = 1 + Int(random.next() % 8) + Int(random.next() % 16)
    let content = (0..<length).map { _ in Self.word(words.draw(&random)) }.joined(separator: " ")
    return """
      {"message_id":"\(prefix)\(made)","conversation_id":"c\(conversation)","conversation_name":"Room \(conversation)",\
      "sender_id":"u\(subject)","sender_name":"Person \(subject)","created_at":"\(at.rfc3339)",\
      "content":"\(content)","content_type":"text/plain","reply_to":null,"source":"synthetic:chat"}
      """
  }

  /// Frequent words are short. Different numbers give different words.
  static func word(_ rank: Int) -> String {
    let consonants = Array("bdfgklmnprstvz")
    let vowels = Array("aeiou")
    var number = rank
    var text = ""
    repeat {
      text.append(consonants[number % consonants.count])
      number /= consonants.count
      text.append(vowels[number % vowels.count])
      number /= vowels.count
    } while number > 0
    return text
  }
}

/// Numbers from 0, each `1 / (rank + 1)` as likely as the first.
struct ZipfDistribution {
  private let cumulative: [Double]

  init(count: Int) {
    var sum = 0.0
    cumulative = (1...count).map { rank in
      sum += 1 / Double(rank)
      return sum
    }
  }

  func draw(_ random: inout SplitMix64) -> Int {
    let point = Double(random.next() >> 11) / Double(1 << 53) * cumulative[cumulative.count - 1]
    var low = 0
    var high = cumulative.count - 1
    while low < high {
      let middle = (low + high) / 2
      if cumulative[middle] <= point { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// A generator whose numbers follow from its seed on every machine (Steele, Lea and Flood, 2014).
struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
