import Model

@testable import SegmentFormat

/// Made-up messages of one month: few to many authors, runs of different lengths, payloads that compress and
/// payloads that do not.
struct Population {
  let subjects: [SubjectID]
  let conversations: [ConversationID]
  let blocks: [SegmentBytes.Block]
  var messages: [StoredMessage] { blocks.flatMap(\.messages) }
  let keys: TestKeyring

  init(using generator: inout SeededGenerator, conversations: Int = 3, messagesMax: Int = 60) {
    subjects = (0..<Int.random(in: 2...9, using: &generator)).map { _ in
      SubjectID(rawValue: generator.identifier())
    }
    self.conversations = (0..<conversations).map { _ in ConversationID(rawValue: generator.identifier()) }
    keys = TestKeyring(subjects: subjects, conversations: self.conversations)
    var blocks: [SegmentBytes.Block] = []
    var sequence: Int64 = 0
    for conversation in self.conversations {
      var time = Timestamp(civil: 2015, 8, 1).microseconds
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        var messages: [StoredMessage] = []
        for _ in 0..<Int.random(in: 1...messagesMax, using: &generator) {
          time +=
            Int64.random(in: 0...3_000_000_000, using: &generator)
            / Int64.random(in: 1...1_000, using: &generator)
          sequence += Int64.random(in: 1...1_000, using: &generator)
          messages.append(
            StoredMessage(
              key: MessageKey(high: generator.identifier(), low: generator.identifier()),
              position: MessagePosition(createdAt: Timestamp(microseconds: time), sequence: sequence),
              conversation: conversation, sender: subjects.randomElement(using: &generator)!,
              payload: generator.payload(number: messages.count)))
        }
        blocks.append((conversation, messages))
      }
    }
    self.blocks = blocks
  }
}

extension SeededGenerator {
  mutating func identifier() -> Int64 { Int64.random(in: 1...Int64.max, using: &self) }

  /// - Parameter number: in its block, which its id is made of.
  mutating func payload(number: Int) -> [UInt8] {
    switch Int.random(in: 0...9, using: &self) {
    case 0: []
    case 1: bytes(Int.random(in: 1...3_000, using: &self))
    case 2: [UInt8](repeating: 0x61, count: Int.random(in: 1...20_000, using: &self))
    case 3...6: realPayload(number).bytes
    default: Array("a message like any other, number \(next() % 1_000)".utf8)
    }
  }

  private mutating func realPayload(_ number: Int) -> MessagePayload {
    var payload = MessagePayload(messageID: "m\(number)", body: .plain("number \(next() % 1_000)"))
    if next() % 3 == 0 { payload.body = .sealed(SealedBody(ciphertext: bytes(200), keyID: "k1")) }
    if next() % 3 == 0 { payload.replyTo = "m\(next() % 60)" }
    if next() % 5 == 0 { payload.mentions = ["U\(next() % 9)"] }
    return payload
  }
}
