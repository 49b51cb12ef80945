import CXapian

/// Who may see what, and whose messages are looked for, made ready once for all the databases a search runs over.
@safe
package final class XapianScope: @unchecked Sendable {
  // @unchecked: the shim's scope never changes once it is made.
  let handle: OpaquePointer

  /// Of one conversation, half open.
  package struct Window: Sendable {
    package let conversation: Int64
    package let from: Int64
    package let until: Int64

    package init(conversation: Int64, from: Int64, until: Int64) {
      self.conversation = conversation
      self.from = from
      self.until = until
    }
  }

  /// - Parameters:
  ///   - windows: those of a conversation side by side; `nil`: all conversations at all times.
  ///   - senders: empty: all.
  package init(windows: [Window]?, senders: [Int64] = []) throws(XapianError) {
    let open = (windows ?? []).map { window in
      cx_window(conversation: window.conversation, from: window.from, until: window.until)
    }
    var handle: OpaquePointer?
    try unsafe XapianError.check { error in
      unsafe cx_scope_create(windows != nil, open, open.count, senders, senders.count, &handle, error)
    }
    unsafe self.handle = handle!
  }

  deinit { unsafe cx_scope_free(handle) }
}
