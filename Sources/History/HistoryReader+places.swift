package import Catalog
import KeyVault
import Model
import Postgres

extension HistoryReader {
  /// Some of the messages that were asked for, as far as they had room.
  package struct Portion: Sendable {
    package fileprivate(set) var messages: [HistoricMessage] = []
    /// That damage keeps from being read.
    package fileprivate(set) var damaged: [MessagePlace] = []
    /// To be asked for again. What is in none of the three is not readable any more.
    package fileprivate(set) var left: [MessagePlace] = []

    /// The ones to go on with, in their order.
    package func rest(of asked: [Locator]) -> [Locator] {
      let left = Set(left)
      return left.isEmpty ? [] : asked.filter { left.contains($0.place) }
    }
  }

  /// Some of one tenant's messages, whose locators were just read: no more than come to `bytesMax` bytes as they are
  /// stored, or opened, and one message or block of the archive. The first is not left. What became of a message since
  /// is a later step of the feed.
  package func portion(of locators: [Locator], bytesMax: Int) async throws -> Portion {
    do {
      return try await wholePortion(of: locators, bytesMax)
    } catch  where Self.isDamage(error) {
      return try await portionOneByOne(locators, bytesMax)
    }
  }

  private func portionOneByOne(_ locators: [Locator], _ bytesMax: Int) async throws -> Portion {
    var (portion, bytes) = (Portion(), 0)
    for locator in locators {
      guard bytes < bytesMax else {
        portion.left.append(locator.place)
        continue
      }
      do {
        let found = try await wholePortion(of: [locator], bytesMax).messages
        portion.messages += found
        bytes += found.reduce(0) { $0 + $1.payload.bytes.count }
      } catch  where Self.isDamage(error) {
        portion.damaged.append(locator.place)
      }
    }
    return portion
  }

  private func wholePortion(of locators: [Locator], _ bytesMax: Int) async throws -> Portion {
    guard let tenant = locators.first?.tenant else { return Portion() }
    let places = locators.map(\.place)
    let known = Dictionary(locators.map { ($0.key, $0) }) { first, _ in first }
    let (found, facts) = try await database.read { tx in
      let found = try Messages.at(places, bytesMax: bytesMax, in: tx)
      return (found, try Facts(known, changed: found.changed, in: tx))
    }
    var reading = PlaceReading(places: places, tenant: tenant, states: [.live])
    reading.isHot = Set(found.messages.map(\.placeInTenant) + found.left.map(\.placeInTenant))
    var portion = Portion(left: found.left)
    let (hot, unopened) = try await opened(found.messages, tenant: tenant, bytesMax: bytesMax)
    let left = Set(unopened.map(\.placeInTenant))
    portion.left += places.filter { left.contains($0.placeInTenant) }
    reading.bytesLeft = bytesMax - hot.reduce(0) { $0 + $1.payload.count }
    portion.messages = try await merged(
      hot.map { TieredMessage(message: $0, tier: .hot) }, facts, tenant: tenant, states: [.live])
    let (archived, later) = try await archived(reading)
    portion.messages += archived
    portion.left += later
    return portion
  }

  /// Those that are reached before the ones in front of them come to so many bytes.
  private func opened(_ rows: [HotMessage], tenant: TenantID, bytesMax: Int) async throws -> (
    messages: [StoredMessage], left: ArraySlice<HotMessage>
  ) {
    let lanes = try await vault.lanes(Set(rows.map { $0.lane(tenant) }), creating: false)
    var (messages, bytes): ([StoredMessage], Int) = ([], 0)
    for (number, row) in rows.enumerated() {
      guard bytes < bytesMax else { return (messages, rows[number...]) }
      guard let lane = lanes[row.lane(tenant)] else { continue }
      let message = try row.opened(lane)
      bytes += message.payload.count
      messages.append(message)
    }
    return (messages, [])
  }

  /// The stored messages at known places of one tenant, with the changes made to them. Hot ones take one visit to the
  /// database.
  ///
  /// - Parameter lanes: whose keys will be wanted, as far as that is known: they are asked for beside the rows.
  func messages(
    at places: [MessagePlace], lanes: Set<LaneID>, tenant: TenantID, states: Set<Locator.State>
  ) async throws -> [HistoricMessage] {
    async let keys = vault.lanes(lanes, creating: false)
    let (hot, facts) = try await database.read { tx in
      let found = try Messages.located(places, in: tx)
      let locators = Dictionary(found.compactMap(\.locator).map { ($0.key, $0) }) { first, _ in first }
      let changed = found.filter(\.isChanged).map(\.message.key)
      return (found.map(\.message), try Facts(locators, changed: changed, in: tx))
    }
    _ = try await keys
    let rows = try await opened(hot, tenant: tenant).map { TieredMessage(message: $0, tier: .hot) }
    var reading = PlaceReading(places: places, tenant: tenant, states: states)
    reading.isHot = Set(hot.map(\.placeInTenant))
    return try await merged(rows, facts, tenant: tenant, states: states) + archived(reading).messages
  }

  /// What is to be read from the archive once the hot rows were looked at.
  private struct PlaceReading: Sendable {
    let places: [MessagePlace]
    let tenant: TenantID
    let states: Set<Locator.State>
    /// Hot rows whose key is gone count as found: they are not in the archive either.
    var isHot: Set<PlaceInTenant> = []
    var bytesLeft = Int.max
  }

  private func archived(_ reading: PlaceReading) async throws -> (
    messages: [HistoricMessage], left: [MessagePlace]
  ) {
    let missing = reading.places.filter { !reading.isHot.contains($0.placeInTenant) }
    guard !missing.isEmpty else { return ([], []) }
    var (rows, left): ([TieredMessage], [MessagePlace]) = ([], [])
    var bytes = 0
    let groups = Dictionary(grouping: missing, by: \.conversation)
    let first = missing[0].conversation
    for conversation in [first] + groups.keys.filter({ $0 != first }) {
      let places = groups[conversation] ?? []
      // The first of all is waited for, even if those that are hot left no room.
      guard bytes < reading.bytesLeft || places.first == reading.places.first else {
        left += places
        continue
      }
      let found = try await cold(places, conversation, bytesMax: reading.bytesLeft - bytes)
      bytes += found.rows.reduce(0) { $0 + $1.message.payload.count }
      rows += found.rows
      left += found.left
    }
    let looked = Self.without(missing, Set(left.map(\.placeInTenant)))
    // A segment may have been brought back into the hot tables between the two looks.
    rows += try await hotAgain(Self.without(looked, Self.read(rows)), tenant: reading.tenant)
    if reading.states.contains(.restricted) {
      rows += try await preserved(Self.without(looked, Self.read(rows)), tenant: reading.tenant)
    }
    return (try await merged(rows, tenant: reading.tenant, states: reading.states), left)
  }

  /// - Parameter bytesMax: no further block is opened once what was wanted of those before it came to so much, unless
  ///   for the first place.
  func cold(_ places: [MessagePlace], _ conversation: ConversationID, bytesMax: Int = .max) async throws -> (
    rows: [TieredMessage], left: [MessagePlace]
  ) {
    let route = places[0].route
    let wanted = Set(places.map(\.position))
    let blocks = try await database.read { tx in
      try Archive.blocks(holding: wanted.sorted(), route: route, conversation: conversation, in: tx)
    }
    let first = places[0].position
    let ordered = blocks.filter { $0.reaches(over: first) } + blocks.filter { !$0.reaches(over: first) }
    var rows: [MessagePosition: TieredMessage] = [:]
    var bytes = 0
    for (number, block) in ordered.enumerated() {
      guard bytes < bytesMax || rows[first] == nil && block.reaches(over: first) else {
        let rest = ordered[number...]
        let left = places.filter { place in
          rows[place.position] == nil && rest.contains { $0.reaches(over: place.position) }
        }
        return (Array(rows.values), left)
      }
      for message in try await archive.recentMessages(block) where wanted.contains(message.position) {
        rows[message.position] = TieredMessage(message: message, tier: .cold)
        bytes += message.payload.count
      }
    }
    return (Array(rows.values), [])
  }

  private func hotAgain(_ places: [MessagePlace], tenant: TenantID) async throws -> [TieredMessage] {
    guard !places.isEmpty else { return [] }
    let rows = try await database.read { tx in try Messages.at(places, in: tx) }
    return try await opened(rows, tenant: tenant).map { TieredMessage(message: $0, tier: .hot) }
  }

  private func preserved(_ places: [MessagePlace], tenant: TenantID) async throws -> [TieredMessage] {
    guard !places.isEmpty else { return [] }
    let copies = try await database.read { tx in try Preservations.copies(at: places, in: tx) }
    let rows = try await rows(of: copies, tenant: tenant)
    return Array(Dictionary(rows.map { ($0.message.key, $0) }) { first, _ in first }.values)
  }

  private static func read(_ rows: [TieredMessage]) -> Set<PlaceInTenant> {
    Set(rows.map { PlaceInTenant($0.message.conversation, $0.message.position) })
  }

  private static func without(_ places: [MessagePlace], _ known: Set<PlaceInTenant>) -> [MessagePlace] {
    places.filter { !known.contains($0.placeInTenant) }
  }
}

/// No two messages of a tenant share one.
private struct PlaceInTenant: Hashable, Sendable {
  let conversation: ConversationID
  let position: MessagePosition

  init(_ conversation: ConversationID, _ position: MessagePosition) {
    self.conversation = conversation
    self.position = position
  }
}

extension BlockRow {
  fileprivate func reaches(over position: MessagePosition) -> Bool { first <= position && position <= last }
}

extension MessagePlace {
  fileprivate var placeInTenant: PlaceInTenant { PlaceInTenant(conversation, position) }
}

extension HotMessage {
  fileprivate var placeInTenant: PlaceInTenant { PlaceInTenant(conversation, position) }
}
