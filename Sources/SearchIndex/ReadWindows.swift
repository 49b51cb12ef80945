package import Model
import Synchronization
import Xapian

/// A reader's windows, with what searches make of them. That is made by the first one: keep the windows, and the
/// others are spared it, which for a reader of 20,000 conversations is most of a search.
package final class ReadWindows: Sendable {
  package let byConversation: [ConversationID: [ReadWindow]]
  private let made = Mutex<XapianScope?>(nil)

  package init(_ byConversation: [ConversationID: [ReadWindow]]) {
    self.byConversation = byConversation
  }

  /// All of them, of messages of any sender.
  func scope() throws(XapianError) -> XapianScope {
    if let scope = made.withLock({ $0 }) { return scope }
    let scope = try XapianScope(windows: open(within: nil))
    made.withLock { $0 = scope }
    return scope
  }

  /// Those that are not empty, those of a conversation side by side.
  func open(within wanted: Set<ConversationID>?) -> [XapianScope.Window] {
    var open: [XapianScope.Window] = []
    open.reserveCapacity(wanted?.count ?? byConversation.count)
    for (conversation, windows) in byConversation where wanted?.contains(conversation) ?? true {
      for window in windows where window.from < window.until {
        open.append(
          XapianScope.Window(
            conversation: conversation.rawValue, from: window.from.microseconds,
            until: window.until.microseconds))
      }
    }
    return open
  }
}
