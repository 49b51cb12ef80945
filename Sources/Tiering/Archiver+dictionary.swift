import Catalog
import History
import Model
import Postgres
import SegmentFormat
import Sodium

extension Archiver {
  /// The dictionary for what is sealed now: the newest one, or a new one if there is none or it has worn out.
  func dictionary(for plan: Plan) async throws -> [UInt8]? {
    let shelf = history.archive.dictionaries
    let newest = try await shelf.newest(tenant: tenant.id)
    if let newest, try await !isWorn(newest) { return newest }
    guard plan.messages >= settings.dictionaryMessagesMin else { return newest }
    guard let bytes = try await trained(on: plan) else { return newest }
    return try await shelf.keep(bytes, tenant: tenant.id, at: now())
  }

  private func isWorn(_ dictionary: [UInt8]) async throws -> Bool {
    let tenant = tenant.id
    let segments = try await database.transaction { tx in try Archive.segments(tenant: tenant, in: tx) }
    return Self.isWorn(
      segments.filter { $0.dictionary == dictionary }.sorted { $0.sealedAt < $1.sealedAt }.compactMap {
        ColumnCosts(row: $0.columns)
      })
  }

  /// Whether the texts sealed last became so much less small than those sealed first that new phrases must be in use.
  static func isWorn(_ costs: [ColumnCosts]) -> Bool {
    let enough = costs.filter { $0.textBytes >= wearTextBytesMin }
    guard enough.count > wearSegments, let first = enough.first?.textShare else { return false }
    return enough.suffix(wearSegments).allSatisfy { $0.textShare > first * wearRatio }
  }

  private static let wearTextBytesMin: Int64 = 1 << 20
  private static let wearSegments = 2
  private static let wearRatio = 1.25

  /// Messages that are looked at, and bytes of their texts.
  private static let sampleMessages = 60_000
  private static let sampleBytes = 6 << 20
  private static let sampleConversations = 500

  /// Made of a part of each conversation, as much of it as it has of all messages.
  private func trained(on plan: Plan) async throws -> [UInt8]? {
    var texts: [SubjectID: [[UInt8]]] = [:]
    var bytes = 0
    let places = plan.months.flatMap { month in month.conversations.map { (month, $0) } }
    let step = max(1, places.count / Self.sampleConversations)
    let share = min(1, Double(Self.sampleMessages) / Double(max(plan.messages, 1)))
    for index in stride(from: 0, to: places.count, by: step) where bytes < Self.sampleBytes {
      let (month, place) = places[index]
      var rest = min(place.count, Int((Double(place.count * step) * share).rounded(.up)))
      var cursor = MessagePosition(createdAt: month.from, sequence: 0)
      while rest > 0, bytes < Self.sampleBytes {
        let (after, limit, bytesMax) = (cursor, min(rest, HotReader.messagesMax), settings.visitBytesMax)
        let rows = try await database.read { tx in
          try Messages.page(
            route: place.route, conversation: place.conversation, after: after,
            before: MessagePosition(createdAt: month.until, sequence: 0), limit: limit, bytesMax: bytesMax,
            in: tx)
        }
        guard let last = rows.last else { break }
        (cursor, rest) = (last.position, rest - rows.count)
        for message in try await history.opened(rows, tenant: tenant.id) {
          guard case .plain(let text) = try MessagePayload(bytes: message.payload).body else { continue }
          texts[message.sender, default: []].append(Array(text.utf8))
          bytes += text.utf8.count
        }
      }
    }
    var counter = PhraseCounter(seed: UInt64.random(in: .min ... .max))
    for author in texts.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
      counter.add(author: texts[author] ?? [])
    }
    return DictionaryTrainer.dictionary(
      counter, samples: texts.values.map { Array($0.joined(separator: [0])) })
  }
}
