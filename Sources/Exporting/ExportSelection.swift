package import Catalog
package import Model

/// What goes into a package. Conditions that are given must all hold; none given is the whole tenant.
package struct ExportSelection: Sendable, Hashable {
  /// Only what this person wrote.
  package var subject: SubjectID?
  package var conversations: [ConversationID]?
  /// Only what this hold covers. Then messages that are kept for a hold only are taken in too.
  package var hold: Int64?
  /// Only these, such as the results of a query.
  package var messages: [Locator]?
  /// Of ``messages``: those that only surround a hit, and need not satisfy the other conditions.
  package var context: Set<MessageKey> = []
  /// What found ``messages``, as the package states it.
  package var query: ExportQuery?
  package var from: Timestamp?
  /// Exclusive.
  package var to: Timestamp?
  /// The last step of each index group's feed that counts, once an export has begun.
  var heads: [Int64]?

  package init(
    subject: SubjectID? = nil, conversations: [ConversationID]? = nil, hold: Int64? = nil,
    messages: [Locator]? = nil, from: Timestamp? = nil, to: Timestamp? = nil
  ) {
    self.subject = subject
    self.conversations = conversations
    self.hold = hold
    self.messages = messages
    self.from = from
    self.to = to
  }

  var states: Set<Locator.State> { hold == nil ? [.live] : [.live, .restricted] }

  /// Whether a conversation is taken in for its own sake, with or without messages.
  var takesWholeConversations: Bool {
    subject == nil && hold == nil && messages == nil && from == nil && to == nil
  }

  func filter(_ tenant: TenantID) -> ExportFilter {
    var places = conversations
    if let messages {
      let found = Set(messages.map(\.conversation))
      places = places.map { $0.filter(found.contains) } ?? found.sorted()
    }
    var filter = ExportFilter(
      tenant: tenant, sender: subject, conversations: places, hold: hold, from: from, to: to)
    filter.heads = heads
    return filter
  }

  /// The part of the selection that a located message can answer for alone; the hold is asked of the catalogue.
  func admits(_ locator: Locator) -> Bool {
    (subject.map { $0 == locator.sender } ?? true) && (from.map { $0 <= locator.position.createdAt } ?? true)
      && (to.map { locator.position.createdAt < $0 } ?? true) && states.contains(locator.state)
      && (heads.map { locator.position.sequence <= $0[locator.route.group(of: $0.count)] } ?? true)
  }
}

/// The files a package may hold.
package enum ExportFormat: String, Sendable, Hashable, CaseIterable {
  /// The events of the contract, one a line: what `ingest --format events` takes.
  case jsonl
  /// Pages to read and print.
  case html
  /// Tables, safe to open in spreadsheets.
  case csv
  /// A file per message for mail programs.
  case eml
  /// A mailbox per conversation.
  case mbox
  /// Concordance load file with Opticon, texts, natives and images.
  case dat
  /// Relativity short messages 2.0.
  case rsmf
  /// A workspace export as Slack's.
  case slack
  /// Actiance (Smarsh Vantage) XML.
  case actiance
  /// Mails for Global Relay's archive.
  case globalrelay
  /// What is held on one person, for that person; others stand in it under numbers.
  case dsar
}
