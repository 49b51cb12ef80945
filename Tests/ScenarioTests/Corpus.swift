import Foundation

/// One line of the `corpus` format.
struct CorpusLine: Codable, Hashable {
  var messageID: String
  var conversationID: String
  var conversationName: String
  var senderID: String
  var senderName: String
  var createdAt: String
  var content: String
  var contentType: String = "text/plain"
  var replyTo: String?
  var source: String = "test:scenario"

  enum CodingKeys: String, CodingKey {
    case content, source
    case messageID = "message_id"
    case conversationID = "conversation_id"
    case conversationName = "conversation_name"
    case senderID = "sender_id"
    case senderName = "sender_name"
    case createdAt = "created_at"
    case contentType = "content_type"
    case replyTo = "reply_to"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(messageID, forKey: .messageID)
    try container.encode(conversationID, forKey: .conversationID)
    try container.encode(conversationName, forKey: .conversationName)
    try container.encode(senderID, forKey: .senderID)
    try container.encode(senderName, forKey: .senderName)
    try container.encode(createdAt, forKey: .createdAt)
    try container.encode(content, forKey: .content)
    try container.encode(contentType, forKey: .contentType)
    try container.encode(replyTo, forKey: .replyTo)
    try container.encode(source, forKey: .source)
  }
}

/// A made-up chat: rooms of different size over four months, times that tie within and across rooms, a few
/// languages, one author who writes most.
struct Corpus {
  var lines: [CorpusLine] = []

  static let sizes = [0.4, 0.25, 0.2, 0.1, 0.05]
  private static let words = [
    "harbour", "lantern", "ledger", "signal", "copper", "orchard", "meadow", "compass", "timber", "velvet",
    "granite",
    "kettle", "anchor", "marble", "thunder", "willow", "journal", "saffron", "quarry", "falcon",
  ]
  private static let tails = [
    "", "", "", " 会議は明日です", " привет всем", " 🎉 done", " see https://example.org/a",
  ]

  init() {}

  /// - Parameter seed: the same gives the same chat.
  init(messages: Int, seed: UInt64 = 7) {
    var random = SeededGenerator(seed: seed)
    for (room, share) in Self.sizes.enumerated() {
      let count = Int((Double(messages) * share).rounded())
      var seconds = 1_611_100_800  // 2021-01-20
      for number in 0..<count {
        // A third share their minute with the one before; all times are whole minutes, so rooms tie as well.
        if Int.random(in: 0..<3, using: &random) > 0 {
          seconds += 60 * Int.random(in: 1...max(2, 240_000 / count), using: &random)
        }
        lines.append(Self.line(room, number, seconds, lines, &random))
      }
    }
  }

  private static func line(
    _ room: Int, _ number: Int, _ seconds: Int, _ before: [CorpusLine], _ random: inout SeededGenerator
  ) -> CorpusLine {
    let conversation = "room-\(room)-\(String(0x5EED + room, radix: 16))"
    // Author 0 writes a third of everything; six others the rest.
    let author = Int.random(in: 0..<3, using: &random) == 0 ? 0 : Int.random(in: 1...6, using: &random)
    let text = (0..<Int.random(in: 3...9, using: &random)).map { _ in words.randomElement(using: &random)! }
    let last = before.last { $0.conversationID == conversation }
    return CorpusLine(
      messageID: "message-\(room)-\(number)-\(String(random.next(), radix: 16))",
      conversationID: conversation,
      conversationName: "Room number \(room)",
      senderID: "subject-\(author)-\(String(0xBEEF0 + author * 977, radix: 16))",
      senderName: "Person Nr \(author) Surname", createdAt: time(seconds),
      content: "note \(room) \(number) \(text.joined(separator: " "))\(tails.randomElement(using: &random)!)",
      replyTo: Int.random(in: 0..<8, using: &random) == 0 ? last?.messageID : nil)
  }

  static func time(_ seconds: Int) -> String {
    Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601)
  }

  var conversations: [String] {
    lines.reduce(into: []) { if !$0.contains($1.conversationID) { $0.append($1.conversationID) } }
  }
  var prolific: String {
    Dictionary(grouping: lines, by: \.senderID).max { $0.value.count < $1.value.count }!.key
  }

  func of(_ conversation: String) -> [CorpusLine] { lines.filter { $0.conversationID == conversation } }

  /// Somebody who sees all of a conversation, other than one author.
  func reader(of conversation: String, except subject: String = "") -> String {
    of(conversation).first { $0.senderID != subject }!.senderID
  }

  func without(_ subject: String) -> Corpus {
    var corpus = self
    corpus.lines.removeAll { $0.senderID == subject }
    return corpus
  }

  /// Writes the corpus into `files` files of one directory, each a batch of its own, and returns it.
  func write(files: Int = 6) throws -> String {
    let directory = try Scratch.make("corpus")
    let size = max(1, (lines.count + files - 1) / files)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    for (number, start) in stride(from: 0, to: lines.count, by: size).enumerated() {
      let text = try lines[start..<min(start + size, lines.count)]
        .map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }.joined()
      try text.write(toFile: "\(directory)/part-\(100 + number).ndjson", atomically: true, encoding: .utf8)
    }
    return directory
  }
}
