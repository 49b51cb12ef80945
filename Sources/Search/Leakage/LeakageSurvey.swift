import Catalog
package import History
import Model
package import Postgres
package import SearchIndex
package import SearchTokens
import Synchronization

/// Measures in the index itself what a tenant's tokens give away. Reads every posting of theirs; prints and keeps none.
package struct LeakageSurvey: Sendable {
  package struct Settings: Sendable {
    /// Conversations that are looked into one by one.
    package var sample = 200
    package var reference: ReferenceWords?
    /// The client's key and the generation it is at: lets the attack on blinded tokens be scored.
    package var key: (master: TokenMaster, generation: UInt32)?

    package init() {}

    package static let sampleMax = 2_000
  }

  let directory: Directory
  let database: PostgresPool
  let index: SearchIndex
  let groups: Int
  let settings: Settings

  package init(
    directory: Directory, database: PostgresPool, index: SearchIndex, groups: Int, settings: Settings
  ) {
    self.directory = directory
    self.database = database
    self.index = index
    self.groups = groups
    self.settings = settings
  }

  /// A conversation, and how many of its messages the index has.
  struct Room: Sendable {
    let id: ConversationID
    let route: RouteKey
    var messages = 0
  }

  package func run(progress: @escaping @Sendable (Int) -> Void = { _ in }) async throws -> LeakageReport {
    let rooms = try await measuredRooms()
    let sample = Self.sample(of: rooms, count: settings.sample)
    let progress = LatestSum(progress)
    let blinded = try await count(.blindedWord, rooms, sample, progress) { _ in -1 }
    let reference = settings.reference
    let plain = try await count(.plainWord, rooms, sample, progress) { value in
      reference?.rank(of: String(decoding: value, as: UTF8.self)) ?? -1
    }
    var report = LeakageReport(
      tenant: directory.tenant.name, mode: Self.mode(blinded, plain),
      messages: rooms.reduce(0) { $0 + $1.messages }, conversations: rooms.count { $0.messages > 0 },
      sampledConversations: sample.count)
    report.volumes = [
      Self.volume("word", blinded, report.messages), Self.volume("plain_word", plain, report.messages),
      Self.volume(
        "bigram", try await count(.blindedBigram, rooms, [], progress) { _ in -1 }, report.messages),
      Self.volume(
        "prefix", try await count(.blindedPrefix, rooms, [], progress) { _ in -1 }, report.messages),
    ].filter { $0.distinct > 0 }
    let main = blinded.statistics.distinct > 0 ? blinded : plain
    describe(main.statistics, in: &report)
    if report.mode == .blinded || report.mode == .mixed {
      report.keys = Self.keys(blinded.statistics)
      report.cooccurrence = try await cooccurrence(of: blinded.units, rooms)
    }
    try await attack(blinded: blinded, plain: plain, rooms, sample, &report)
    report.advice = LeakageAdvice.all(for: report)
    return report
  }

  /// All of the tenant's conversations, ascending.
  private func measuredRooms() async throws -> [Room] {
    let tenant = directory.tenant.id
    var rooms: [Room] = []
    while true {
      let last = rooms.last?.id
      let page = try await database.transaction { tx in
        try Conversations.list(tenant: tenant, after: last, limit: Self.pageRows, in: tx)
      }
      rooms += page.map { Room(id: $0.id, route: $0.route) }
      guard page.count == Self.pageRows else { break }
    }
    let sizes = Mutex<[Int64: Int]>([:])
    try await index.tally(
      .conversation, tenant: tenant, conversations: rooms.map(\.id), watched: [],
      begin: { sizes.withLock { $0 = [:] } },
      body: { tally in
        let id = tally.value.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        sizes.withLock { $0[Int64(bitPattern: id), default: 0] += tally.documents }
      })
    let known = sizes.withLock { $0 }
    return rooms.map { Room(id: $0.id, route: $0.route, messages: known[$0.id.rawValue] ?? 0) }
  }

  private static let pageRows = 5_000
  /// Messages of all conversations looked into, so that memory is bounded.
  private static let sampleMessagesMax = 300_000

  /// Places of the largest conversations, and as many spread evenly over the rest.
  static func sample(of rooms: [Room], count: Int) -> Set<Int> {
    let bySize = rooms.indices.filter { rooms[$0].messages > 0 }
      .sorted { (rooms[$1].messages, $0) < (rooms[$0].messages, $1) }
    let largest = Array(bySize.prefix((count + 1) / 2))
    let rest = bySize.dropFirst(largest.count)
    let step = max(1, rest.count / max(1, count / 2))
    let spread = rest.enumerated().filter { $0.offset % step == 0 }.map(\.element).prefix(count / 2)
    var (messages, chosen): (Int, Set<Int>) = (0, [])
    for place in largest + spread {
      messages += rooms[place].messages
      guard chosen.isEmpty || messages <= sampleMessagesMax else { continue }
      chosen.insert(place)
    }
    return chosen
  }

  /// What passed by of one class.
  struct Counted: Sendable {
    var statistics = TokenStatistics()
    /// The tokens of the conversations looked into, by place.
    var units: [Int: [CountedToken]] = [:]
  }

  private func count(
    _ kind: TallyClass, _ rooms: [Room], _ sample: Set<Int>, _ progress: LatestSum,
    rank: @escaping @Sendable ([UInt8]) -> Int
  ) async throws -> Counted {
    let counted = Mutex(Counted())
    try await index.tally(
      kind, tenant: directory.tenant.id, conversations: rooms.map(\.id), watched: sample,
      begin: { counted.withLock { $0 = Counted() } },
      body: { tally in
        counted.withLock { $0.add(tally, rank: rank(tally.value), isBlinded: kind != .plainWord) }
        progress.add(1)
      })
    return counted.withLock { $0 }
  }

  private static func mode(_ blinded: Counted, _ plain: Counted) -> LeakageReport.Mode {
    switch (blinded.statistics.distinct > 0, plain.statistics.distinct > 0) {
    case (true, true): .mixed
    case (true, false): .blinded
    case (false, true): .plain
    case (false, false): .none
    }
  }

  private static func volume(_ kind: String, _ counted: Counted, _ messages: Int) -> LeakageReport.Volume {
    LeakageReport.Volume(
      kind: kind, distinct: counted.statistics.distinct, occurrences: counted.statistics.occurrences,
      perMessage: TokenStatistics.ratio(counted.statistics.occurrences, messages))
  }

  private func describe(_ statistics: TokenStatistics, in report: inout LeakageReport) {
    guard statistics.distinct > 0 else { return }
    report.frequency = LeakageReport.Frequency(
      top1: statistics.share(ofMost: 1), top10: statistics.share(ofMost: 10),
      top100: statistics.share(ofMost: 100), entropyBits: statistics.entropy,
      entropyBitsMax: statistics.entropyMax, zipfExponent: statistics.zipfExponent)
    let messages = report.messages
    report.identifying = TokenStatistics.fewMessages.map {
      LeakageReport.Identifying(
        messagesMax: $0, messages: TokenStatistics.ratio(statistics.marked(few: $0), messages))
    }
    // Plain words have no bits to collide in.
    if report.mode != .plain { report.collisions = statistics.collisions }
  }

  /// A token that two conversations share was made with one key, but for chance: 64 bits collide never.
  private static func keys(_ statistics: TokenStatistics) -> LeakageReport.Keys {
    LeakageReport.Keys(
      sharedTokens: statistics.shared,
      sharedShare: TokenStatistics.ratio(statistics.shared, statistics.distinct),
      perConversation: statistics.shared == 0)
  }
}

extension LeakageSurvey.Counted {
  mutating func add(_ tally: TermTally, rank: Int, isBlinded: Bool) {
    let value = isBlinded ? Self.number(tally.value.prefix(8)) : Self.hash(tally.value)
    statistics.add(tally, CountedToken(value: value, documents: tally.documents, word: rank))
    for entry in tally.watched {
      var unit = units[entry.place] ?? []
      units[entry.place] = nil  // so that the array is changed in place
      if let last = unit.last, last.value == value {
        unit[unit.count - 1].documents += entry.documents
      } else {
        unit.append(CountedToken(value: value, documents: entry.documents, word: rank))
      }
      units[entry.place] = unit
    }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
  }

  /// FNV-1a, mixed: stands for a plain word where only its being equal counts.
  private static func hash(_ bytes: [UInt8]) -> UInt64 {
    var hash = bytes.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
    return hash ^ (hash >> 31)
  }
}

/// How much has passed by in all.
private final class LatestSum: Sendable {
  private let sum = Mutex(0)
  private let report: @Sendable (Int) -> Void

  init(_ report: @escaping @Sendable (Int) -> Void) { self.report = report }

  func add(_ count: Int) {
    let value = sum.withLock { sum in
      sum += count
      return sum
    }
    if value % 10_000 == 0 { report(value) }
  }
}
