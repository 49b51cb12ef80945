import Search
import SearchTokens
import Sodium

/// Messages as lines for people.
enum MessageText {
  static func line(_ message: MessageView) -> String {
    let who = message.senderName ?? message.senderID ?? "(erased)"
    var text = message.body?.plain ?? (message.body?.sealed == nil ? "" : "(sealed)")
    text = text.split(whereSeparator: \.isNewline).joined(separator: " ")
    return "\(message.createdAt)  \(who)\(message.edited == nil ? "" : " (edited)"): \(clean(text))"
  }

  /// Without control characters, which could steer the reader's terminal.
  static func clean(_ text: String) -> String {
    String(
      String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.generalCategory != .control }))
  }
}

/// Opens sealed bodies on the reader's side.
struct BodyOpener {
  let master: TokenMaster
  let tenant: String

  /// The message with its body opened, or as it was when the key does not fit.
  func opened(_ message: MessageView) -> MessageView {
    guard let sealed = message.body?.sealed, let bytes = [UInt8](base64: sealed),
      let text = try? master.bodyKey(tenant: tenant, conversation: message.conversationID)
        .open(bytes, messageID: message.messageID)
    else { return message }
    var message = message
    message.body?.plain = text
    message.body?.sealed = nil
    return message
  }
}
