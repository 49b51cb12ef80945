import History
import Model
import Sodium

/// A message as Slack's exports have it.
struct SlackMessage {
  let message: ExportedMessage
  /// In microseconds, and unique in the conversation: Slack knows a message by its time.
  let stamp: Int64
  /// The time of the message that begins its thread, if it is in the export.
  let thread: Int64?

  func write(_ json: inout JSONWriter) {
    let versions = message.versions
    let payload = message.message.original
    let body = versions.last?.body ?? .plain("")
    json.object { json in
      json.member("type", "message")
      json.member("user", SlackNames.id("U", message.sender.id))
      json.member("text", SlackNames.escaped(body.readableText))
      json.member("ts", Self.text(stamp))
      json.member("client_msg_id", payload.clientMessageID)
      if let thread { json.member("thread_ts", Self.text(thread)) }
      if versions.count > 1, let last = versions.last {
        json.object("edited") { json in
          json.member("user", SlackNames.id("U", last.author.id))
          json.member("ts", Self.text(last.at.microseconds))
        }
      }
      reactions(&json)
      files(payload.attachments, &json)
      sealed(body, &json)
      history(versions, &json)
    }
  }

  static func text(_ microseconds: Int64) -> String {
    "\(microseconds / 1_000_000).\(FolderNames.padded(Int(microseconds % 1_000_000), 6))"
  }

  private func reactions(_ json: inout JSONWriter) {
    let reactions = message.reactionsByName
    guard !reactions.isEmpty else { return }
    json.array("reactions") { json in
      for (name, people) in reactions {
        json.object { json in
          json.member("name", name)
          json.array("users") { json in
            for profile in people { json.string(SlackNames.id("U", profile.id)) }
          }
          json.member("count", Int64(people.count))
        }
      }
    }
  }

  /// Described, without an address to fetch them from: the bytes are not in the archive.
  private func files(_ attachments: [Attachment], _ json: inout JSONWriter) {
    guard !attachments.isEmpty else { return }
    json.array("files") { json in
      for attachment in attachments {
        json.object { json in
          json.member("id", SlackNames.id("F", attachment.id))
          json.member("name", attachment.name.map(CleanText.line))
          json.member("title", attachment.name.map(CleanText.line))
          json.member("mimetype", attachment.mimeType)
          json.member("size", attachment.size)
          json.member("mode", "tombstone")
        }
      }
    }
  }

  /// Members of ours that importers pass over: Slack has no field for them.
  private func sealed(_ body: MessageBody, _ json: inout JSONWriter) {
    guard let sealed = body.sealed else { return }
    json.object("muniment_sealed") { json in
      json.member("key_id", sealed.keyID)
      json.member("ciphertext", sealed.ciphertext.base64())
      json.object("wrapped_keys") { json in
        for (device, key) in sealed.wrappedKeys.sorted(by: { $0.key < $1.key }) {
          json.member(device, key.base64())
        }
      }
    }
  }

  private func history(_ versions: [ExportedVersion], _ json: inout JSONWriter) {
    if let deletion = message.deletion {
      json.object("muniment_deleted") { json in
        json.member("user", SlackNames.id("U", deletion.by.id))
        json.member("ts", Self.text(deletion.at.microseconds))
      }
    }
    guard versions.count > 1 else { return }
    json.array("muniment_versions") { json in
      for version in versions.dropLast() {
        json.object { json in
          json.member("user", SlackNames.id("U", version.author.id))
          json.member("ts", Self.text(version.at.microseconds))
          json.member("text", SlackNames.escaped(version.body.readableText))
          sealed(version.body, &json)
        }
      }
    }
  }
}
