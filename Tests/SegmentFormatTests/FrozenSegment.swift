import Foundation
import Model
import SegmentFormat
import Sodium
import Testing
import Zstd

/// A segment of version 1 that lies in `Fixtures/segment-v1` for ever: `NAME.hex`, its keys in `NAME.keys.json`, and
/// what a reader with these gives back, line by line, in `NAME.ndjson`. None of the files ever changes; another case
/// is another name.
struct FrozenSegment: Sendable, CustomTestStringConvertible {
  let name: String
  let identity: SegmentIdentity
  /// What was written.
  let blocks: [SegmentBytes.Block]
  /// Whose keys its readers have not.
  var erased: Set<SubjectID> = []
  var ended: Set<ConversationID> = []

  var testDescription: String { name }
  var messages: [StoredMessage] { blocks.flatMap(\.messages) }
  /// Those that a reader with its keys gets.
  var readable: [StoredMessage] {
    messages.filter { !erased.contains($0.sender) && !ended.contains($0.conversation) }
  }

  init(
    _ name: String, number: UInt8, tenant: Int64 = 7, retentionClass: Int16 = 0,
    period: Int32 = 2015 * 12 + 7, dictionary: [UInt8]? = nil, _ blocks: [SegmentBytes.Block]
  ) {
    self.name = name
    self.blocks = blocks
    identity = SegmentIdentity(
      tenant: TenantID(rawValue: tenant), retentionClass: retentionClass, period: Period(rawValue: period),
      id: [UInt8](repeating: number, count: 16), dictionary: dictionary)
  }

  func bytes() throws -> [UInt8] { try Fixture.bytes("segment-v1/\(name).hex") }

  func keys() throws -> TestKeyring { try FrozenKeys.read(name) }

  /// Of who wrote it: none is missing.
  func writersKeys() throws -> TestKeyring {
    var keys = TestKeyring(subjects: [], conversations: [])
    for (index, subject) in Set(messages.map(\.sender)).sorted(by: { $0.rawValue < $1.rawValue }).enumerated()
    {
      keys.subjects[subject] = FrozenKeys.key(0xA0 + UInt8(index))
    }
    for (index, room) in Set(messages.map(\.conversation)).sorted(by: { $0.rawValue < $1.rawValue })
      .enumerated()
    {
      keys.conversations[room] = FrozenKeys.key(0xC0 + UInt8(index))
    }
    keys.period = FrozenKeys.key(0xD1)
    keys.hash = FrozenKeys.key(0xE1)
    if let id = identity.dictionary { keys.dictionary = try FrozenKeys.dictionary(id) }
    return keys
  }
}

/// The keys of a frozen segment, as `Tests/Compatibility/segment_v1.py` takes them.
enum FrozenKeys {
  private struct File: Codable {
    var period: String
    var conversations: [String: String]
    var subjects: [String: String]
    var hash: String
    var dictionaries: [String: String]
  }

  static let dictionaryID = [UInt8](repeating: 0x2D, count: 16)

  static func key(_ byte: UInt8) -> SecretBytes { SecretBytes([UInt8](repeating: byte, count: 32)) }

  /// As zstd's own training makes them: with the magic of one, and its statistics.
  static func dictionary(_ id: [UInt8]) throws -> ZstdDictionary? {
    try ZstdDictionary(
      Fixture.bytes("segment-v1/dictionary.hex"), level: SegmentWriter.compressionLevel)
  }

  static func read(_ name: String) throws -> TestKeyring {
    let file = try JSONDecoder().decode(File.self, from: Fixture.data("segment-v1/\(name).keys.json"))
    func secret(_ hex: String) throws -> SecretBytes { SecretBytes(try #require([UInt8](hex: hex))) }
    func number(_ text: String) throws -> Int64 { try #require(Int64(text)) }
    var keys = TestKeyring(subjects: [], conversations: [])
    for (id, key) in file.subjects { keys.subjects[SubjectID(rawValue: try number(id))] = try secret(key) }
    for (id, key) in file.conversations {
      keys.conversations[ConversationID(rawValue: try number(id))] = try secret(key)
    }
    keys.period = try secret(file.period)
    keys.hash = try secret(file.hash)
    if let bytes = file.dictionaries.values.first {
      keys.dictionary = try ZstdDictionary(
        #require([UInt8](hex: bytes)), level: SegmentWriter.compressionLevel)
    }
    return keys
  }

  /// The file of a segment's readers.
  static func json(of segment: FrozenSegment) throws -> Data {
    var keys = try segment.writersKeys()
    for subject in segment.erased { keys.subjects[subject] = nil }
    for room in segment.ended { keys.conversations[room] = nil }
    return try json(keys, dictionary: segment.identity.dictionary)
  }

  static func json(_ keys: TestKeyring, dictionary: [UInt8]? = nil) throws -> Data {
    func hex(_ key: SecretBytes?) -> String { key?.copiedBytes.hex ?? "" }
    var file = File(
      period: hex(keys.period), conversations: [:], subjects: [:], hash: hex(keys.hash), dictionaries: [:])
    for (room, key) in keys.conversations { file.conversations[String(room.rawValue)] = hex(key) }
    for (subject, key) in keys.subjects { file.subjects[String(subject.rawValue)] = hex(key) }
    if let id = dictionary, let dictionary = keys.dictionary {
      file.dictionaries[id.hex] = dictionary.bytes.hex
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return try encoder.encode(file) + Data("\n".utf8)
  }
}

/// A line of `NAME.ndjson`, as the second reader prints it.
struct FrozenLine: Codable, Hashable {
  var conversation: Int64?
  var sender: Int64?
  var created_at: Int64?
  var sequence: Int64?
  var key: String?
  var payload: String?
  var unreadable: Int?

  init(_ message: StoredMessage) {
    conversation = message.conversation.rawValue
    sender = message.sender.rawValue
    created_at = message.position.createdAt.microseconds
    sequence = message.position.sequence
    var writer = ByteWriter()
    for half in [message.key.high, message.key.low] { writer.fixed(half.bigEndian) }
    key = writer.bytes.hex
    payload = message.payload.hex
  }

  init(unreadable: Int) { self.unreadable = unreadable }

  static func lines(_ data: Data) throws -> [FrozenLine] {
    try data.split(separator: 0x0A).map { try JSONDecoder().decode(FrozenLine.self, from: Data($0)) }
  }
}
