import Catalog
import History
import KeyVault
import Model
import Postgres

/// A batch with all its numbers, keys and sealed payloads: what is left is one transaction.
struct PreparedBatch: Sendable {
  let tenant: TenantID
  let source: [UInt8]
  let position: Int64
  let now: Timestamp
  var messages: [(message: NewMessage, step: Ingestor.Step)] = []
  var changes: [Change] = []
  var others: [Ingestor.Step] = []
  var rejected: [SetAsideRow] = []
  /// Ids of events that were refused, so far.
  var refusedEvents: [MessageKey] = []
  var members:
    [(
      route: RouteKey, conversation: ConversationID, subject: SubjectID, at: Timestamp,
      visibleFrom: Timestamp, role: String?
    )] = []
  var changed: (subjects: Set<String>, conversations: Set<String>) = ([], [])
  /// Which kinds of tokens came, and when.
  var coverage = TokenCoverage()
  /// What people are to be found by from now on, in the order it came.
  var names: [NameChange] = []
  /// What clients are to be told of messages that go; `nil`: nothing.
  var notices: DeletionNotices.Draft?
  /// Messages that went from members' sight.
  var gone: [Locator] = []
  /// The keys everything was sealed under; asked again inside the transaction.
  var lanes: [LaneID: LaneKey] = [:]
  let vault: KeyVault
  private var duplicatesInside = 0
  private var digests: [MessageKey: Int64] = [:]
  private var noted: Set<Pair> = []
  private var rejecter: Rejecter?
  private var groups = 1

  private struct Pair: Hashable {
    let subject: SubjectID
    let conversation: ConversationID
  }

  /// An edit, deletion or reaction, sealed.
  struct Change: Sendable {
    let row: AmendmentRow
    let step: Ingestor.Step
  }

  init(tenant: TenantID, source: [UInt8], position: Int64, now: Timestamp, vault: KeyVault) {
    self.vault = vault
    self.tenant = tenant
    self.source = source
    self.position = position
    self.now = now
  }

  mutating func reject(_ row: SetAsideRow) { rejected.append(row) }

  mutating func add(
    _ step: Ingestor.Step, lanes: [LaneID: LaneKey], groups: Int, rejecter: Rejecter
  ) throws {
    self.rejecter = rejecter
    self.groups = groups
    guard let laneID = step.lane, let key = step.key, let conversation = step.conversation,
      let subject = step.subject
    else {
      others.append(step)
      return
    }
    guard let lane = lanes[laneID] else {
      throw CatalogError(.staleDirectory, "a key was destroyed while its batch was prepared")
    }
    if case .messageCreated(let created) = step.item.event {
      addMessage(created, step, key, conversation, subject, lane)
    } else if let change = step.change(key, conversation, subject, lane) {
      changes.append(change)
    }
  }

  private mutating func addMessage(
    _ created: MessageCreated, _ step: Ingestor.Step, _ key: MessageKey, _ conversation: ConversationRow,
    _ subject: SubjectID, _ lane: LaneKey
  ) {
    if let digest = digests[key] {
      if digest == step.digest { duplicatesInside += 1 } else { rejectConflict(step) }
      return
    }
    digests[key] = step.digest
    coverage.note(
      TokenKind(of: created.payload), at: created.createdAt, route: conversation.route,
      conversation: conversation.id)
    let sealed = RowSeal.seal(created.payload.bytes, key: key, kind: 0, version: 0, lane: lane)
    messages.append(
      (
        NewMessage(
          key: key, route: conversation.route, group: Int16(conversation.route.group(of: groups)),
          conversation: conversation.id, sender: subject, createdAt: created.createdAt, digest: step.digest,
          sealed: sealed), step
      ))
  }

  mutating func rejectConflict(_ step: Ingestor.Step) {
    reject(step, code: "conflict", detail: "a different message with this id is stored already")
  }

  mutating func reject(_ step: Ingestor.Step, code: String, detail: String) {
    guard let rejecter else { return }
    let line = RejectedLine(line: step.item.line, raw: step.item.raw, code: code, detail: detail)
    rejected.append(rejecter.row(line, subject: step.subject, withheld: false))
    if let event = step.eventKey { refusedEvents.append(event) }
  }

  /// A corpus' sender becomes a member who sees everything.
  mutating func noteSender(of item: IngestItem, _ interned: Directory.Interned) {
    guard case .messageCreated(let created) = item.event, let subject = interned.subjects[created.senderID],
      let conversation = interned.conversations[created.conversationID],
      noted.insert(Pair(subject: subject, conversation: conversation.id)).inserted
    else { return }
    members.append((conversation.route, conversation.id, subject, created.createdAt, .earliest, nil))
  }

  func group(_ route: RouteKey) -> Int16 { Int16(route.group(of: groups)) }

  var duplicatesWithin: Int { duplicatesInside }
}

extension Ingestor.Step {
  func change(
    _ key: MessageKey, _ conversation: ConversationRow, _ subject: SubjectID, _ lane: LaneKey
  ) -> PreparedBatch.Change? {
    func change(
      _ kind: AmendmentRow.Kind, version: Int64, at: Timestamp, removedAt: Timestamp? = nil,
      tokens: TokenKind? = nil, _ bytes: [UInt8]
    ) -> PreparedBatch.Change {
      let sealed = RowSeal.seal(bytes, key: key, kind: kind.rawValue, version: version, lane: lane)
      return PreparedBatch.Change(
        row: AmendmentRow(
          key: key, kind: kind, author: subject, version: version, at: at, removedAt: removedAt,
          route: conversation.route, conversation: conversation.id, tokens: tokens, sealed: sealed),
        step: self)
    }
    switch item.event {
    case .messageEdited(let edit):
      var payload = MessagePayload(messageID: edit.messageID, body: edit.body, tokens: edit.tokens)
      payload.leaveOutFollowingTokens()
      return change(
        .edit, version: edit.version ?? edit.editedAt.microseconds, at: edit.editedAt,
        tokens: TokenKind(of: edit.tokens), payload.bytes)
    case .messageDeleted(let deletion):
      return change(.deletion, version: 0, at: deletion.deletedAt, [])
    case .reaction(let reaction):
      return change(
        .reaction, version: reactionVersion, at: reaction.at, removedAt: reaction.added ? nil : reaction.at,
        Array(reaction.name.utf8))
    default: return nil
    }
  }
}
