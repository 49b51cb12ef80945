import Archive
import Blocking
import Catalog
import Foundation
import History
import Model

/// `slack.zip`: a Slack workspace export, which other systems import: a folder per conversation, a file per day,
/// lists of people and conversations.
final class SlackFormat: PackageFormat {
  /// Messages whose time a thread may point at.
  private static let timesMax = 1_000_000

  private let draft: PackageDraft
  private let madeAt: Timestamp
  /// Days that are written lie in the draft's notes until the archive is made of them: an archive cannot be gone on
  /// with in another process, files can.
  private var days: [Day] = []
  private var day: PackageFile?
  private var messages = 0
  private var people: [String: SubjectProfile] = [:]
  private var names: Set<String> = []
  private var lists = Dictionary(uniqueKeysWithValues: List.allCases.map { ($0, JSONWriter()) })
  private var conversation: Conversation?

  /// Files that list conversations of a kind.
  private enum List: String, CaseIterable { case channels, groups, dms, mpims }

  private struct Day: Codable {
    let entry: String
    let part: Int
    var path: String { "\(DraftNotes.folder)/slack-\(part)" }
  }

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
    draft = context.draft
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
      let next = Day(entry: "\(open.folder)/\(DaySlice(day: day).date).json", part: days.count + 1)
      days.append(next)
      self.day = try draft.file(next.path)
      try await self.day?.write([0x5B])
    }
    let stamp = max(message.sentAt.microseconds, open.last &+ (open.last == .min ? 0 : 1))
    open.last = stamp
    if open.times.count >= Self.timesMax { open.times.removeAll(keepingCapacity: true) }
    open.times[message.id.hashValue] = stamp
    let root = (message.message.original.threadID ?? message.message.original.replyTo)
      .flatMap { open.times[$0.hashValue] }
    SlackMessage(message: message, stamp: stamp, thread: root).write(&json)
    try await self.day?.write((open.isFirst ? [0x0A] : [0x2C, 0x0A]) + json.bytes)
    open.isFirst = false
    conversation = open
    messages += 1
  }

  func end() async throws {
    guard let ended = conversation else { return }
    try await endDay(ended)
    describe(ended)
    conversation = nil
  }

  func finish() async throws {
    let zip = try ZipWriter()
    let file = try draft.file("slack.zip")
    file.messages = messages
    for day in days {
      try draft.pulse.check()
      try await pack(day, zip, file)
    }
    for list in List.allCases {
      try write(list.rawValue + ".json", (lists[list] ?? JSONWriter()).bytes, zip)
    }
    var users = JSONWriter()
    for profile in people.values.sorted(by: { $0.id < $1.id }) { user(profile, &users) }
    try write("users.json", users.bytes, zip)
    try write("integration_logs.json", [], zip)
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
    try await day?.write([0x0A, 0x5D, 0x0A])
    try await day?.close()
    day = nil
  }

  private func pack(_ day: Day, _ zip: ZipWriter, _ file: PackageFile) async throws {
    try zip.begin(day.entry, modified: madeAt.microseconds / 1_000_000)
    let path = draft.temporary + "/" + day.path
    guard let input = FileHandle(forReadingAtPath: path) else { throw ExportError.system("open", path) }
    defer { try? input.close() }
    while let piece = try input.read(upToCount: 1 << 20), !piece.isEmpty {
      try zip.write(Array(piece))
      if zip.ready > 0 { try await file.write(zip.take()) }
    }
  }

  private struct Saved: Codable {
    let people: [[String?]]
    let names: [String]
    let lists: [String: Data]
    let days: [Day]
    let messages: Int
  }

  /// Between conversations only: where threads begin is in memory.
  func save() throws -> Data? {
    guard conversation == nil else { return nil }
    return try JSONEncoder().encode(
      Saved(
        people: people.values.map { [$0.id, $0.displayName, $0.email, $0.isActive ? nil : "deleted"] },
        names: names.sorted(),
        lists: Dictionary(
          lists.map { ($0.key.rawValue, Data($0.value.bytes)) }, uniquingKeysWith: { first, _ in first }),
        days: days, messages: messages))
  }

  func restore(_ saved: Data, in card: ConversationCard?) async throws {
    let saved = try JSONDecoder().decode(Saved.self, from: saved)
    for person in saved.people where person.count == 4 {
      guard let id = person[0] else { continue }
      var profile = SubjectProfile(id: id, displayName: person[1], email: person[2])
      profile.isActive = person[3] == nil
      people[id] = profile
    }
    names = Set(saved.names)
    for (name, bytes) in saved.lists {
      if let list = List(rawValue: name) { lists[list] = JSONWriter(elements: Array(bytes)) }
    }
    (days, messages) = (saved.days, saved.messages)
  }

  /// A list: its elements were written without the brackets.
  private func write(_ name: String, _ elements: [UInt8], _ zip: ZipWriter) throws {
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
      json.member("deleted", !profile.isActive)
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
