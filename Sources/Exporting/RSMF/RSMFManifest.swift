import Catalog
import History
import Model
import Sodium

/// `rsmf_manifest.json` of one slice. All ids are strings of at least one character, as the published schema asks.
struct RSMFManifest {
  let card: ConversationCard
  let slice: DaySlice
  /// The same in all slices of a conversation: it ties them together.
  let collection: String
  let participants: [SubjectProfile]
  private let atStart: [SubjectProfile]
  /// Whether more people were there than are named.
  let isCrowded: Bool
  private let moves: [Move]

  private struct Move {
    let at: Timestamp
    let profile: SubjectProfile
    let isJoin: Bool
  }

  init(card: ConversationCard, attendance: Attendance, slice: DaySlice, exportID: String) {
    self.card = card
    self.slice = slice
    collection = String(SHA256.hash(Array("\(exportID)\u{0}\(card.profile.id)".utf8)).hex.prefix(32))
    let isChannel = card.kind == .channel
    let first = slice.messages.first?.sentAt ?? slice.start
    let last = slice.messages.last?.sentAt ?? slice.end
    let start = slice.part == 1 ? slice.start : first
    // Who joins and leaves a channel are events; of the others everybody who was there is named at once.
    let present =
      isChannel
      ? attendance.present(at: start, limit: Self.participantsMax)
      : attendance.present(from: start, upTo: last, limit: Self.participantsMax)
    atStart = present ?? []
    isCrowded = present == nil
    moves = Self.moves(isChannel ? attendance : Attendance(), after: start, upTo: last)
    var people: [String: SubjectProfile] = [:]
    for profile in atStart + moves.map(\.profile) { people[profile.id] = profile }
    for message in slice.messages {
      people[message.sender.id] = message.sender
      for (_, author) in message.changes { people[author.id] = author }
    }
    participants = people.values.sorted { $0.id < $1.id }
  }

  static let participantsMax = 2_000

  private static func moves(_ attendance: Attendance, after start: Timestamp, upTo end: Timestamp) -> [Move] {
    var moves: [Move] = []
    for span in attendance.spans {
      if span.row.joinedAt > start, span.row.joinedAt <= end {
        moves.append(Move(at: span.row.joinedAt, profile: span.profile, isJoin: true))
      }
      if let left = span.row.leftAt, left > start, left <= end {
        moves.append(Move(at: left, profile: span.profile, isJoin: false))
      }
    }
    return moves.sorted { ($0.at, $0.profile.id) < ($1.at, $1.profile.id) }.prefix(participantsMax).map { $0 }
  }

  var eventCount: Int { moves.count + slice.messages.count }

  /// The ciphertext of sealed bodies, named by their events.
  var files: [(name: String, bytes: [UInt8])] {
    slice.messages.enumerated().flatMap { index, message in
      message.versions.flatMap { version -> [(name: String, bytes: [UInt8])] in
        guard let sealed = version.body.sealed else { return [] }
        return SealedParts(sealed, name: Self.sealedName(index, version.number)).parts.map {
          ($0.name, $0.content)
        }
      }
    }
  }

  private static func sealedName(_ index: Int, _ version: Int) -> String { "sealed-\(index + 1)-\(version)" }

  /// What searches look through.
  var text: String {
    slice.messages.flatMap { message in
      message.versions.map { "\($0.at.rfc3339) \($0.author.name): \($0.body.readableText)" }
    }.joined(separator: "\n")
  }

  var bytes: [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.member("version", "2.0.0")
      json.array("participants") { json in
        for profile in participants { participant(profile, &json) }
      }
      json.array("conversations") { json in
        json.object { json in
          json.member("id", Self.id(card.profile.id))
          json.member("display", card.title)
          json.member("platform", "Muniment")
          json.member("type", card.kind == .channel ? "channel" : "direct")
          json.array("participants") { json in
            for profile in card.kind == .channel ? atStart : participants { json.string(Self.id(profile.id)) }
          }
        }
      }
      json.array("events") { json in events(&json) }
      json.member("eventcollectionid", collection)
    }
    return json.bytes
  }

  /// An id must have a character; a platform's empty one gets the sign of the empty set.
  static func id(_ id: String) -> String { id.isEmpty ? "\u{2205}" : id }

  private func participant(_ profile: SubjectProfile, _ json: inout JSONWriter) {
    json.object { json in
      json.member("id", Self.id(profile.id))
      json.member("display", profile.name)
      json.member("email", profile.email)
    }
  }

  private func events(_ json: inout JSONWriter) {
    var moves = moves[...]
    for (index, message) in slice.messages.enumerated() {
      while let move = moves.first, move.at <= message.sentAt {
        event(move, &json)
        moves.removeFirst()
      }
      event(message, index, &json)
    }
    for move in moves { event(move, &json) }
  }

  private func event(_ move: Move, _ json: inout JSONWriter) {
    json.object { json in
      json.member("type", move.isJoin ? "join" : "leave")
      json.member("participant", Self.id(move.profile.id))
      json.member("conversation", Self.id(card.profile.id))
      json.member("timestamp", move.at.rfc3339)
    }
  }

  private func event(_ message: ExportedMessage, _ index: Int, _ json: inout JSONWriter) {
    let versions = message.versions
    let body = versions.last?.body ?? .plain("")
    json.object { json in
      json.member("type", "message")
      json.member("id", Self.id(message.id))
      // A parent must be an event of the same file, or viewers refuse it.
      if let parent = parent(of: message) { json.member("parent", Self.id(parent)) }
      json.member("body", body.readableText)
      json.member("participant", Self.id(message.sender.id))
      json.member("conversation", Self.id(card.profile.id))
      json.member("timestamp", message.sentAt.rfc3339)
      if message.deletion != nil { json.member("deleted", true) }
      reactions(message, &json)
      attachments(versions, index, &json)
      edits(versions, &json)
      custom(message, versions, &json)
    }
  }

  private func parent(of message: ExportedMessage) -> String? {
    [message.message.original.replyTo, message.message.original.threadID].compactMap { $0 }.first { id in
      id != message.id && slice.messages.contains { $0.id == id }
    }
  }

  private func reactions(_ message: ExportedMessage, _ json: inout JSONWriter) {
    let reactions = message.reactionsByName
    guard !reactions.isEmpty else { return }
    json.array("reactions") { json in
      for (name, people) in reactions {
        json.object { json in
          json.member("value", name)
          json.member("count", Int64(people.count))
          json.array("participants") { json in
            for profile in people { json.string(Self.id(profile.id)) }
          }
        }
      }
    }
  }

  /// The ciphertext goes with the zip; files of the platform's are not there and are told in `custom`.
  private func attachments(_ versions: [ExportedVersion], _ index: Int, _ json: inout JSONWriter) {
    let sealed = versions.compactMap { version in version.body.sealed.map { (version.number, $0) } }
    guard !sealed.isEmpty else { return }
    json.array("attachments") { json in
      for (number, body) in sealed {
        for part in SealedParts(body, name: Self.sealedName(index, number)).parts {
          json.object { json in
            json.member("id", part.name)
            json.member("display", part.name)
            json.member("size", Int64(part.content.count))
          }
        }
      }
    }
  }

  private func edits(_ versions: [ExportedVersion], _ json: inout JSONWriter) {
    guard versions.count > 1 else { return }
    json.array("edits") { json in
      for (previous, version) in zip(versions, versions.dropFirst()) {
        json.object { json in
          json.member("participant", Self.id(version.author.id))
          json.member("timestamp", version.at.rfc3339)
          json.member("previous", previous.body.readableText)
          json.member("new", version.body.readableText)
        }
      }
    }
  }

  private func custom(_ message: ExportedMessage, _ versions: [ExportedVersion], _ json: inout JSONWriter) {
    var values: [(String, String)] = []
    if let thread = message.message.original.threadID { values.append(("thread_id", thread)) }
    if let reply = message.message.original.replyTo { values.append(("reply_to", reply)) }
    if let deletion = message.deletion {
      values += [("deleted_at", deletion.at.rfc3339), ("deleted_by", deletion.by.id)]
    }
    if message.message.locator.state == .restricted { values.append(("hold", "true")) }
    for attachment in message.message.original.attachments {
      values.append(("attachment", attachment.summary))
    }
    if let sealed = versions.last?.body.sealed {
      values.append(("sealed", "true"))
      values.append(("key_id", sealed.keyID ?? "unknown"))
      values.append(("ciphertext_sha256", SHA256.hash(sealed.ciphertext).hex))
    }
    guard !values.isEmpty else { return }
    json.array("custom") { json in
      for (name, value) in values {
        json.object { json in
          json.member("name", name)
          json.member("value", value)
        }
      }
    }
  }
}
