import Archive
import Blocking
import Catalog
import History
import Model

/// `slack.zip`: a Slack workspace export, which other systems import: a folder per conversation, a file per day,
/// lists of people and conversations.
final class SlackFormat: PackageFormat {
  /// Messages whose time a thread may point at.
  private static let timesMax = 1_000_000

  private let file: PackageFile
  private let zip: ZipWriter
  private let madeAt: Timestamp
  private var people: [String: SubjectProfile] = [:]
  private var names: Set<String> = []
  private var lists = Dictionary(uniqueKeysWithValues: List.allCases.map { ($0, JSONWriter()) })
  private var conversation: Conversation?

  /// Files that list conversations of a kind.
  private enum List: String, CaseIterable { case channels, groups, dms, mpims }

  private struct Conversation {
    let card: ConversationCard
    let list: List
    let folder: String
    let id: String
    var members: [String] = []
    var memberSet: Set<String> = []
    var created: Timestamp?
    var day: Int64?
    var isFirst = true
    var last: Int64 = .min
    /// Hash of a message's id to its time in microseconds.
    var times: [Int: Int64] = [:]
  }

  init(_ context: FormatContext) async throws {
    file = try context.draft.file("slack.zip")
    zip = try ZipWriter()
    madeAt = context.madeAt
  }

  func begin(_ card: ConversationCard) async throws {
    let list: List =
      switch card.kind {
      case .channel: card.isPublic ? .channels : .groups
      case .direct: .dms
      case .group: .mpims
      }
    let letter: Character = list == .channels ? "C" : list == .dms ? "D" : "G"
    let id = SlackNames.id(letter, card.profile.id)
    var folder = list == .dms ? id : SlackNames.channel(card.title)
    if folder.isEmpty || !names.insert(folder).inserted {
      folder = (folder.isEmpty ? "" : folder + "-") + id.lowercased()
      names.insert(folder)
    }
    conversation = Conversation(card: card, list: list, folder: folder, id: id)
  }

  func add(_ members: [ExportedMember]) async throws {
    for member in members {
      note(member.profile)
      let joined = member.row.joinedAt
      if let created = conversation?.created, created <= joined { continue }
      conversation?.created = joined
    }
  }

  func add(_ message: ExportedMessage) async throws {
    note(message.sender)
    for (_, author) in message.changes { note(author, isMember: false) }
    guard var open = conversation else { return }
    // Its maps are changed in place: nobody else refers to them meanwhile.
    conversation = nil
    let day = DaySlice.day(of: message.sentAt)
    var json = JSONWriter()
    if day != open.day {
      try await endDay(open)
      open.day = day
      open.isFirst = true
      let date = DaySlice(day: day).date
      try zip.begin("\(open.folder)/\(date).json", modified: madeAt.microseconds / 1_000_000)
      try zip.write([0x5B])
    }
    let stamp = max(message.sentAt.microseconds, open.last &+ (open.last == .min ? 0 : 1))
    open.last = stamp
    if open.times.count >= Self.timesMax { open.times.removeAll(keepingCapacity: true) }
    open.times[message.id.hashValue] = stamp
    let root = (message.message.original.threadID ?? message.message.original.replyTo)
      .flatMap { open.times[$0.hashValue] }
    SlackMessage(message: message, stamp: stamp, thread: root).write(&json)
    try zip.write((open.isFirst ? [0x0A] : [0x2C, 0x0A]) + json.bytes)
    open.isFirst = false
    conversation = open
    file.messages += 1
    try await flush()
  }

  func end() async throws {
    guard let ended = conversation else { return }
    try await endDay(ended)
    describe(ended)
    conversation = nil
  }

  func finish() async throws {
    for list in List.allCases {
      try write(list.rawValue + ".json", (lists[list] ?? JSONWriter()).bytes)
    }
    var users = JSONWriter()
    for profile in people.values.sorted(by: { $0.id < $1.id }) { user(profile, &users) }
    try write("users.json", users.bytes)
    try write("integration_logs.json", [])
    try zip.finish()
    try await file.write(zip.take())
    try await file.close()
  }

  private func note(_ profile: SubjectProfile, isMember: Bool = true) {
    people[profile.id] = profile
    guard isMember, var open = conversation else { return }
    conversation = nil
    let id = SlackNames.id("U", profile.id)
    if open.memberSet.insert(id).inserted { open.members.append(id) }
    conversation = open
  }

  private func endDay(_ open: Conversation) async throws {
    guard open.day != nil else { return }
    try zip.write([0x0A, 0x5D, 0x0A])
    try await flush()
  }

  private func flush() async throws {
    if zip.ready > 0 { try await file.write(zip.take()) }
  }

  /// A list: its elements were written without the brackets.
  private func write(_ name: String, _ elements: [UInt8]) throws {
    try zip.begin(name, size: elements.count + 3, modified: madeAt.microseconds / 1_000_000)
    try zip.write([0x5B] + elements + [0x5D, 0x0A])
  }

  private func describe(_ conversation: Conversation) {
    let profile = conversation.card.profile
    lists[conversation.list]?.object { json in
      json.member("id", conversation.id)
      if conversation.list != .dms { json.member("name", conversation.folder) }
      json.member("created", (conversation.created ?? madeAt).microseconds / 1_000_000)
      json.member("creator", conversation.members.first ?? "")
      json.member("is_archived", conversation.card.closedAt != nil)
      if conversation.list == .channels { json.member("is_general", false) }
      json.array("members") { json in
        for member in conversation.members { json.string(member) }
      }
      guard conversation.list != .dms else { return }
      for (key, value) in [("topic", profile.name ?? ""), ("purpose", profile.id)] {
        json.object(key) { json in
          json.member("value", value)
          json.member("creator", "")
          json.member("last_set", Int64(0))
        }
      }
    }
  }

  private func user(_ profile: SubjectProfile, _ json: inout JSONWriter) {
    json.object { json in
      json.member("id", SlackNames.id("U", profile.id))
      json.member("team_id", "T00000000")
      let name = SlackNames.channel(profile.id)
      json.member("name", name.isEmpty ? SlackNames.id("U", profile.id).lowercased() : name)
      json.member("deleted", false)
      json.member("real_name", profile.name)
      json.member("is_bot", false)
      json.object("profile") { json in
        json.member("real_name", profile.name)
        json.member("display_name", profile.name)
        json.member("email", profile.email)
      }
    }
  }
}
