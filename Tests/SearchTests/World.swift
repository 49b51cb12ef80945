import Model
import SearchTokens

/// A chat as its events tell it, kept in memory: what a brute-force reader looks at.
struct World {
  struct Message {
    let id: String
    let conversation: String
    let sender: String
    let day: Int
    let second: Int
    let thread: String?
    var words: [String]
    var flags: Set<String>
    var version = 0
    var isDeleted = false
    var reactors: Set<String> = []

    /// Seconds since the first day.
    var time: Int { day * 86_400 + second }
    var allFlags: Set<String> {
      flags.union(version > 0 ? ["edited"] : []).union(thread == nil ? [] : ["thread"])
        .union(reactors.isEmpty ? [] : ["reaction"])
    }
  }

  /// Half open, in seconds since the first day.
  typealias Span = Range<Int>

  static let words = ["ab", "abc", "abcd", "red", "redder", "blue", "sun", "moon", "déjà", "tree"]
  static let members = (0..<9).map { "m\($0)" }
  static let rooms = (0..<7).map { "room\($0)" }
  static let channels = ["open0", "open1"]
  static let days = 80
  static let forever = 1 << 40

  var lines: [String] = []
  private(set) var messages: [Message] = []
  /// Changes so far: each later than the one before, as of two at a time neither wins.
  private var steps = 0
  /// What a member may read.
  private(set) var windows: [String: [String: [Span]]] = [:]
  /// When a member was there.
  private(set) var presence: [String: [String: [Span]]] = [:]
  /// Where somebody appears at all.
  private(set) var linked: [String: Set<String>] = [:]

  static func text(_ random: inout Random) -> [String] {
    (0...random.below(6)).map { _ in random.pick(words) }
  }

  /// - Parameter publicChannels: whether members read channels without having joined them.
  mutating func open(publicChannels: Bool, _ random: inout Random) {
    for room in Self.rooms { lines.append(Events.conversation(room)) }
    for channel in Self.channels {
      lines.append(Events.conversation(channel, kind: "channel", visibility: "public"))
    }
    for member in Self.members {
      for room in Self.rooms where random.chance(55) { stay(member, room, &random) }
      for channel in Self.channels where publicChannels {
        windows[member, default: [:]][channel] = [0..<Self.forever]
      }
    }
  }

  /// Joins and leaves, up to twice.
  private mutating func stay(_ member: String, _ room: String, _ random: inout Random) {
    var day = random.below(30)
    for _ in 0...random.below(2) {
      let from = random.chance(30) ? random.below(day + 1) : nil
      lines.append(Events.join(member, room, day, from: from))
      linked[member, default: []].insert(room)
      let start = day
      let leaves = random.chance(60)
      day += 1 + random.below(30)
      let end = leaves ? day * 86_400 : Self.forever
      windows[member, default: [:]][room, default: []].append((from ?? start) * 86_400..<end)
      presence[member, default: [:]][room, default: []].append(start * 86_400..<end)
      guard leaves else { return }
      lines.append(Events.leave(member, room, day))
      day += random.below(10)
    }
  }

  mutating func say(_ count: Int, _ random: inout Random) {
    for _ in 0..<count {
      let flags = ["link", "file", "image"].filter { _ in random.chance(20) }
      let thread = random.chance(15) ? "thread\(random.below(4))" : nil
      let message = Message(
        id: "g\(messages.count)", conversation: random.pick(Self.rooms + Self.channels),
        sender: random.pick(Self.members), day: random.below(Self.days), second: random.below(2),
        thread: thread, words: Self.text(&random), flags: Set(flags))
      lines.append(
        Events.message(
          message.id, message.conversation, message.sender, message.day,
          message.words.joined(separator: " "), second: message.second, flags: flags,
          more: thread.map { #","thread_id":"\#($0)""# } ?? ""))
      linked[message.sender, default: []].insert(message.conversation)
      messages.append(message)
    }
  }

  mutating func change(_ count: Int, _ random: inout Random) {
    for _ in 0..<count {
      let place = random.below(messages.count)
      guard !messages[place].isDeleted else { continue }
      alter(place, &random)
    }
  }

  private mutating func alter(_ place: Int, _ random: inout Random) {
    let message = messages[place]
    let actor = random.pick(Self.members)
    let (id, room) = (message.id, message.conversation)
    linked[actor, default: []].insert(room)
    switch random.below(10) {
    case 0, 1:
      messages[place].isDeleted = true
      lines.append(Events.delete(id, room, actor, 90))
    case 2, 3, 4:
      messages[place].version += 1
      messages[place].words = Self.text(&random)
      messages[place].flags = []
      lines.append(
        Events.edit(
          id, room, actor, 90, version: messages[place].version,
          messages[place].words.joined(separator: " ")))
    default:
      let isNew = messages[place].reactors.insert(actor).inserted
      if !isNew { messages[place].reactors.remove(actor) }
      steps += 1
      lines.append(Events.reaction(isNew ? "added" : "removed", id, room, actor, 100 + steps))
    }
  }

  /// The lines since the last time.
  mutating func takeLines() -> [String] {
    defer { lines = [] }
    return lines
  }
}

/// What somebody reads of a world, by looking at every message.
struct BruteReader {
  let world: World
  /// `nil`: a compliance reader.
  let member: String?

  func sees(_ message: World.Message) -> Bool {
    guard !message.isDeleted else { return false }
    guard let member else { return true }
    return world.windows[member]?[message.conversation]?.contains { $0.contains(message.time) } ?? false
  }

  func isWith(_ subject: String, _ conversation: String) -> Bool {
    guard let member else { return world.linked[subject]?.contains(conversation) ?? false }
    let (mine, theirs) = (
      world.windows[member]?[conversation] ?? [], world.presence[subject]?[conversation] ?? []
    )
    return theirs.contains { span in mine.contains { $0.overlaps(span) } }
      || world.messages.contains { $0.conversation == conversation && $0.sender == subject && sees($0) }
  }

  func matches(_ query: RandomQuery) -> [World.Message] {
    world.messages.filter { message in
      sees(message) && query.text.map { Self.matches($0, message.words) } ?? true
        && (query.from.isEmpty || query.from.contains(message.sender))
        && (query.in.isEmpty || query.in.contains(message.conversation))
        && query.flags.allSatisfy(message.allFlags.contains)
        && query.with.allSatisfy { isWith($0, message.conversation) }
        && (query.thread.map { $0 == message.thread } ?? true)
        && (query.after.map { message.time >= $0 } ?? true)
        && (query.before.map { message.time < $0 } ?? true)
    }
  }

  static func matches(_ node: QueryNode, _ words: [String]) -> Bool {
    switch node {
    case .term(let word): words.contains(word)
    case .phrase(let phrase): words.indices.contains { words[$0...].starts(with: phrase) }
    case .near: false
    case .prefix(let start): words.contains { $0.hasPrefix(start) }
    case .all(let nodes): nodes.allSatisfy { matches($0, words) }
    case .any(let nodes): nodes.contains { matches($0, words) }
    case .not(let node): !matches(node, words)
    }
  }
}

/// A question, with what it asks for in the world's terms.
struct RandomQuery {
  var text: QueryNode?
  var from: [String] = []
  var `in`: [String] = []
  var flags: [String] = []
  var with: [String] = []
  var thread: String?
  var after: Int?
  var before: Int?

  init(_ random: inout Random) {
    if random.chance(80) { text = Self.node(&random, depth: 2) }
    let people = World.members + ["nobody"]
    if random.chance(15) { from = (0...random.below(2)).map { _ in random.pick(people) } }
    if random.chance(15) {
      `in` = (0...random.below(3)).map { _ in random.pick(World.rooms + World.channels + ["nowhere"]) }
    }
    if random.chance(15) { flags = [random.pick(["link", "file", "image", "reaction", "edited", "thread"])] }
    if random.chance(15) { with = (0...random.below(2)).map { _ in random.pick(people) } }
    if random.chance(8) { thread = "thread\(random.below(5))" }
    if random.chance(10) { after = random.below(World.days) * 86_400 }
    if random.chance(10) { before = random.below(World.days) * 86_400 }
  }

  private static func node(_ random: inout Random, depth: Int) -> QueryNode {
    switch random.below(depth > 0 ? 10 : 6) {
    case 0, 1, 2, 3: .term(random.pick(World.words))
    case 4: .phrase([random.pick(World.words), random.pick(World.words)])
    case 5: .prefix(random.pick(["abc", "red", "blu", "xyz"]))
    case 6, 7: .all((0..<2).map { _ in node(&random, depth: depth - 1) })
    case 8: .any((0..<2).map { _ in node(&random, depth: depth - 1) })
    default: .all([node(&random, depth: depth - 1), .not(.term(random.pick(World.words)))])
    }
  }
}
