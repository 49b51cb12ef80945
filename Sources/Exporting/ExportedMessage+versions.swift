import Catalog
import History
import Model

/// A message as it read from one moment on.
struct ExportedVersion {
  /// 0 for the message as it was sent.
  let number: Int
  let at: Timestamp
  let author: SubjectProfile
  let body: MessageBody
}

/// What somebody did to a message other than edit it.
struct ExportedMark {
  let at: Timestamp
  let by: SubjectProfile
  /// Of a reaction.
  let name: String
}

extension ExportedMessage {
  var id: String { message.original.messageID }
  var sentAt: Timestamp { message.position.createdAt }

  /// The original and its edits in order of time.
  var versions: [ExportedVersion] {
    var versions = [ExportedVersion(number: 0, at: sentAt, author: sender, body: message.original.body)]
    for (change, author) in changes where change.kind == .edit {
      guard let body = change.payload?.body else { continue }
      versions.append(ExportedVersion(number: versions.count, at: change.at, author: author, body: body))
    }
    return versions
  }

  /// By whom and when its sender's platform deleted it; the archive keeps it as long as it must.
  var deletion: ExportedMark? {
    changes.first { $0.change.kind == .deletion }.map { ExportedMark(at: $0.change.at, by: $0.by, name: "") }
  }

  /// Reactions that were not taken back.
  var reactions: [ExportedMark] {
    changes.filter { $0.change.kind == .reaction && $0.change.removedAt == nil }.map {
      ExportedMark(at: $0.change.at, by: $0.by, name: $0.change.name ?? "")
    }
  }

  /// Reactions by name, each with those who gave it, in order of the first.
  var reactionsByName: [(name: String, people: [SubjectProfile])] {
    var names: [String] = []
    var people: [String: [SubjectProfile]] = [:]
    for reaction in reactions {
      if people[reaction.name] == nil { names.append(reaction.name) }
      people[reaction.name, default: []].append(reaction.by)
    }
    return names.map { ($0, people[$0] ?? []) }
  }
}

extension MessageBody {
  /// What a reader without the members' keys sees.
  var readableText: String {
    switch self {
    case .plain(let text): text
    case .sealed(let sealed):
      "[sealed: \(sealed.ciphertext.count) bytes only the members' devices can open, "
        + "key id \(sealed.keyID ?? "unknown")]"
    }
  }

  var sealed: SealedBody? {
    if case .sealed(let sealed) = self { sealed } else { nil }
  }
}

extension SubjectProfile {
  var name: String { displayName ?? id }
}

extension ConversationCard {
  /// As people call it.
  var title: String { profile.name ?? profile.id }
}
