package import Model

/// A span of time a reader may look at, half open.
package struct ReadWindow: Hashable, Sendable {
  package var from: Timestamp
  package var until: Timestamp

  package init(from: Timestamp, until: Timestamp) {
    self.from = from
    self.until = until
  }
}

/// What the reader may see. Part of the search itself: nothing outside is returned, counted or looked at.
package enum ReadScope: Sendable {
  case windows(ReadWindows)
  /// All that holds the term; for compliance roles, the term of their tenant.
  case everything(term: [UInt8])

  package static func windows(_ windows: [ConversationID: [ReadWindow]]) -> ReadScope {
    .windows(ReadWindows(windows))
  }
}

/// A tree, and the one conversation it is asked of: keyed tokens differ from conversation to conversation.
package struct IndexClause: Sendable {
  package var conversation: ConversationID?
  /// The one group the conversation's messages are in, where that is known: the others are not asked.
  package var group: Int?
  package var tree: TermTree

  package init(conversation: ConversationID? = nil, group: Int? = nil, tree: TermTree) {
    self.conversation = conversation
    self.group = group
    self.tree = tree
  }
}

/// One page's worth of a search, newest first.
package struct IndexQuery: Sendable {
  /// A document matches if any clause does; without clauses, every document in scope.
  package var clauses: [IndexClause]
  package var scope: ReadScope
  /// Of the message, inclusive.
  package var from: Timestamp?
  /// Of the message, exclusive.
  package var until: Timestamp?
  /// `nil`: all in scope.
  package var conversations: [ConversationID]?
  /// `nil`: anyone.
  package var senders: [SubjectID]?
  /// Terms every match must hold: flags.
  package var required: [[UInt8]] = []
  /// Where the last page ended, exclusive.
  package var before: MessagePosition?
  /// The group of the hit the last page ended with. Sequences are dense in each group, so two groups may each have
  /// a message at the same position; without this, the next page would skip the other.
  package var beforeGroup: Int?
  /// 0 to ``limitMax``.
  package var limit: Int
  package var deadlineMilliseconds: Int
  /// How far matches are counted: once the page is full and so many were met, the search stops, and `matches` is
  /// a lower bound. 0: no further than the page needs.
  package var countMax: Int

  package static let limitMax = 10_000
  package static let clausesMax = 10_000

  package init(
    clauses: [IndexClause], scope: ReadScope, from: Timestamp? = nil, until: Timestamp? = nil,
    conversations: [ConversationID]? = nil, senders: [SubjectID]? = nil, required: [[UInt8]] = [],
    before: MessagePosition? = nil, beforeGroup: Int? = nil, limit: Int = 50,
    deadlineMilliseconds: Int = 5_000,
    countMax: Int = .max
  ) {
    self.clauses = clauses
    self.scope = scope
    self.from = from
    self.until = until
    self.conversations = conversations
    self.senders = senders
    self.required = required
    self.before = before
    self.beforeGroup = beforeGroup
    self.limit = limit
    self.deadlineMilliseconds = deadlineMilliseconds
    self.countMax = countMax
  }
}
