import Catalog
import Foundation
import History
import KeyVault
import Model
import Postgres
import Runtime
import Search
import SearchIndex
import SearchTokens
import Testing

@Suite("Search against a brute-force reader of the same events")
struct PropertyTests {
  /// A world in a house: part of it archived and its index sealed, part hot, both with changes.
  private static func filled(_ house: SearchHouse, _ random: inout Random) async throws -> World {
    var world = World()
    world.open(publicChannels: house.tenant.publicChannels, &random)
    world.say(250, &random)
    world.change(40, &random)
    try await house.deliver(world.takeLines())
    try await house.archive()
    try await house.application.index.compact(group: 0)
    world.say(120, &random)
    world.change(120, &random)
    try await house.deliver(world.takeLines())
    return world
  }

  /// Where each message stands in the one order there is.
  private static func places(_ world: World, _ house: SearchHouse) async throws -> [String: Cursor] {
    let hasher = house.application.directory(house.tenant).hasher
    let keys = Dictionary(uniqueKeysWithValues: world.messages.map { (hasher.messageKey($0.id), $0.id) })
    let locators = try await house.application.database.transaction { tx in
      try Locators.find(Array(keys.keys), in: tx)
    }
    return Dictionary(
      uniqueKeysWithValues: locators.map { key, locator in
        (keys[key] ?? "", Cursor(position: locator.position, group: locator.route.group(of: 2)))
      })
  }

  private static func request(_ query: RandomQuery, _ random: inout Random) -> SearchRequest {
    var request = SearchRequest(query: query.text.map { .plain($0) } ?? .everything)
    request.from = query.from.isEmpty ? nil : query.from
    request.conversationIDs = query.in.isEmpty ? nil : query.in
    (request.flags, request.with, request.threadID) = (query.flags, query.with, query.thread)
    func time(_ second: Int) -> Timestamp { Timestamp(seconds: 1_704_067_200 + Int64(second)) }
    (request.after, request.before) = (query.after.map(time), query.before.map(time))
    request.count = random.chance(50) ? .exact : .bounded
    request.sort = random.chance(25) ? .relevance : .newest
    request.limit = 1 + random.below(random.chance(50) ? 200 : 20)
    if random.chance(40) { request.facets = Set(SearchRequest.Facet.allCases) }
    request.includeBodies = false
    return request
  }

  /// One member's one question, to its last page.
  private static func check(
    _ world: World, _ places: [String: Cursor], _ house: SearchHouse, _ random: inout Random
  ) async throws {
    let query = RandomQuery(&random)
    let reader = BruteReader(world: world, member: random.chance(10) ? nil : random.pick(World.members))
    var request = request(query, &random)
    let search = house.application.search(house.application.directory(house.tenant))
    let asking = if let member = reader.member { try await house.reader(member) } else { Reader.compliance }
    var expected = try Self.ordered(reader.matches(query), reader, query, request, places)[...]
    let total = expected.count
    repeat {
      let reply = try await search.search(request, reader: asking)
      let (page, ids) = (expected.prefix(request.limit), reply.hits.map(\.messageID))
      try #require(ids == page.map(\.message.id), "\(reader.member ?? "compliance"): \(request)")
      if request.sort == .relevance {
        try #require(reply.hits.map(\.score) == page.map(\.score), "\(request)")
        try #require(reply.ranking?.complete ?? (total == 0))
      }
      try #require(reply.matches.lower == total && reply.matches.upper == total, "\(request)")
      if total > 0 || reply.facets != nil { try Self.check(reply.facets, request, reader.matches(query)) }
      expected = expected.dropFirst(request.limit)
      try #require((reply.nextCursor == nil) == expected.isEmpty, "\(request)")
      request.cursor = try reply.nextCursor.map { try Cursor(text: $0) }
    } while request.cursor != nil
  }

  private struct Expected {
    let message: World.Message
    let score: Double?
  }

  private static func ordered(
    _ messages: [World.Message], _ reader: BruteReader, _ query: RandomQuery, _ request: SearchRequest,
    _ places: [String: Cursor]
  ) throws -> [Expected] {
    let scores = request.sort == .relevance ? BruteRanking(query.text, reader, request) : nil
    return try messages.map { message in
      let place = try #require(places[message.id])
      return (Expected(message: message, score: scores?.score(message)), place)
    }.sorted { left, right in
      let (one, other) = (left.0.score ?? 0, right.0.score ?? 0)
      guard one == other else { return one > other }
      let (first, second) = (left.1, right.1)
      return (first.position, first.group) > (second.position, second.group)
    }.map(\.0)
  }

  private static func check(
    _ facets: SearchReply.Facets?, _ request: SearchRequest, _ matches: [World.Message]
  ) throws {
    guard !request.facets.isEmpty else {
      try #require(facets == nil)
      return
    }
    func counts(_ keys: [String]) -> [String: Int] { Dictionary(keys.map { ($0, 1) }, uniquingKeysWith: +) }
    func found(_ facet: SearchReply.Facet?) throws -> [String: Int] {
      let facet = try #require(facet)
      try #require(facet.exact && facet.other ?? 0 == 0)
      return Dictionary(uniqueKeysWithValues: facet.buckets.map { ($0.value, $0.count) })
    }
    let facets = try #require(facets)
    try #require(try found(facets.conversation) == counts(matches.map(\.conversation)))
    try #require(try found(facets.sender) == counts(matches.map(\.sender)))
    let months = matches.map { String(Events.time($0.day).prefix(7)) }
    try #require(try found(facets.month) == counts(months))
    let kinds = matches.flatMap { $0.flags.filter(["link", "file", "image"].contains) }
    try #require(try found(facets.attachment).filter { $0.value > 0 } == counts(kinds))
  }

  @Test(
    "every member's every question is answered, ordered, counted and paged as by looking at every message",
    arguments: [true, false])
  func random(publicChannels: Bool) async throws {
    var random = Random.printed("brute-force reader, public channels \(publicChannels ? "on" : "off")")
    try await SearchHouse.with(publicChannels: publicChannels) { house in
      let world = try await Self.filled(house, &random)
      let places = try await Self.places(world, house)
      // Side by side, as readers are.
      let seeds = (0..<4).map { _ in random.next() }
      let pairs = Random.isSlow ? 125_000 : 200
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for seed in seeds {
          tasks.addTask {
            var random = Random(seed: seed)
            for _ in 0..<pairs { try await Self.check(world, places, house, &random) }
          }
        }
        try await tasks.waitForAll()
      }
    }
  }
}

/// The score as decision 0032 gives it, from all the messages somebody may see.
struct BruteRanking {
  private let slots: [(word: String, isPrefix: Bool)]
  private let weights: [Double]

  init(_ node: QueryNode?, _ reader: BruteReader, _ request: SearchRequest) {
    let slots = node.map(Self.slots) ?? []
    self.slots = slots
    let scope = reader.world.messages.filter { message in
      reader.sees(message) && (request.conversationIDs?.contains(message.conversation) ?? true)
        && request.with.allSatisfy { reader.isWith($0, message.conversation) }
    }
    weights = slots.map { slot in
      let held = Double(scope.count { Self.count(slot, $0) > 0 })
      return log(1 + (10_000 - held + 0.5) / (held + 0.5))
    }
  }

  func score(_ message: World.Message) -> Double {
    var sum = 0.0
    for (slot, weight) in zip(slots, weights) {
      let count = Double(min(8, Self.count(slot, message)))
      sum += weight * 1.5 * count / (count + 0.5)
    }
    return (sum * 10_000).rounded() / 10_000
  }

  private static func count(_ slot: (word: String, isPrefix: Bool), _ message: World.Message) -> Int {
    message.words.count { slot.isPrefix ? $0.hasPrefix(slot.word) : $0 == slot.word }
  }

  private static func slots(_ node: QueryNode) -> [(word: String, isPrefix: Bool)] {
    switch node {
    case .term(let word): [(word, false)]
    case .phrase(let words), .near(let words, _): words.map { ($0, false) }
    case .prefix(let start): [(start, true)]
    case .all(let nodes), .any(let nodes): nodes.flatMap(slots)
    case .not: []
    }
  }
}
