import Foundation
import Model
import SegmentFormat
import Segments
import Sodium

/// A directory of a test's own, removed with it.
final class Scratch: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/segments-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(filePath: path + "/" + name))
    return path + "/" + name
  }
}

struct TestKeys: SegmentKeys, Sendable {
  var lanes: [SubjectID: SecretBytes]
  var room: SecretBytes? = SecretBytes(random: 32)
  var period: SecretBytes? = SecretBytes(random: 32)

  init(_ subjects: [SubjectID]) {
    lanes = Dictionary(uniqueKeysWithValues: subjects.map { ($0, SecretBytes(random: 32)) })
  }

  func lane(_ sender: SubjectID, _ conversation: ConversationID) -> SecretBytes? { lanes[sender] }
  func conversation(_ conversation: ConversationID) -> SecretBytes? { room }

  var withoutPeriod: TestKeys {
    var keys = self
    keys.period = nil
    return keys
  }
}

/// A segment of three blocks in two conversations, put into a store.
struct StoredSegment {
  let identity: SegmentIdentity
  let keys: TestKeys
  let messages: [StoredMessage]
  let bytes: [UInt8]
  let directory: [BlockEntry]

  static let subjects = [SubjectID(rawValue: 1), SubjectID(rawValue: 2)]

  init(keys: TestKeys? = nil) throws {
    identity = SegmentIdentity(
      tenant: TenantID(rawValue: 1), retentionClass: 0, period: Period(rawValue: 24_187),
      id: Randomness.bytes(16))
    let keys = keys ?? TestKeys(Self.subjects)
    self.keys = keys
    var writer = try SegmentWriter(identity: identity, keys: keys)
    var bytes: [UInt8] = []
    var messages: [StoredMessage] = []
    for (number, room) in [1, 1, 2].enumerated() {
      let conversation = ConversationID(rawValue: Int64(room))
      let block = (0..<4).map { Self.message(Int64(number * 10 + $0 + 1), conversation) }
      bytes += try writer.block(conversation, route: RouteKey(rawValue: 3), block, keys: keys)
      messages += block
    }
    bytes += try writer.finish(keys: keys)
    self.bytes = bytes
    self.messages = messages
    directory = writer.directory
  }

  private static func message(_ number: Int64, _ conversation: ConversationID) -> StoredMessage {
    StoredMessage(
      key: MessageKey(high: number, low: 0),
      position: MessagePosition(createdAt: Timestamp(seconds: number), sequence: number),
      conversation: conversation,
      sender: subjects[Int(number % 2)], payload: Array("message \(number)".utf8))
  }

  var name: String { SegmentName.object(identity.hex) }
  var expected: SegmentVerifier.Expected {
    SegmentVerifier.Expected(
      identity: identity, bytes: Int64(bytes.count), hash: BLAKE2b.hash(bytes), blocks: directory)
  }

  /// Puts it, or other bytes under its name.
  func put(_ bytes: [UInt8]? = nil, in store: any SegmentStore, _ scratch: Scratch) async throws {
    try await store.put(name, from: scratch.file("sealing", bytes ?? self.bytes))
  }
}

/// Counts reads, to show what is looked at.
actor CountingStore: SegmentStore {
  private let store: any SegmentStore
  private(set) var ranges: [Range<Int>] = []

  init(_ store: any SegmentStore) { self.store = store }

  func put(_ name: String, from path: String) async throws { try await store.put(name, from: path) }
  func read(_ name: String, range: Range<Int>?) async throws -> [UInt8] {
    ranges.append(range ?? 0..<0)
    return try await store.read(name, range: range)
  }
  func size(_ name: String) async throws -> Int64 { try await store.size(name) }
  func list() async throws -> [String] { try await store.list() }
  func delete(_ name: String) async throws { try await store.delete(name) }
  func sweep() async throws -> Int { try await store.sweep() }
  func report() async throws -> SegmentStoreReport { try await store.report() }
}
