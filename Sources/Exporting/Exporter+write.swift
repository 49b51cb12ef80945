import Catalog
import History
import Model
import Postgres

extension Exporter {
  /// Bounds of what is in memory at once.
  static let pageMessages = 1_024
  private static let pageConversations = 200
  private static let pageMembers = 1_000

  /// Reads conversation after conversation and hands each message to every format; goes on from a checkpoint.
  func write(
    _ snapshot: ExportSnapshot, _ selection: ExportSelection, _ job: Job, into draft: PackageDraft,
    from checkpoint: ExportCheckpoint?, _ progress: @escaping @Sendable (ExportProgress) -> Void
  ) async throws -> ExportCounts {
    let writing = try await writing(snapshot, selection, job, draft, progress)
    try await writing.restore(checkpoint)
    try await start(writing, isFresh: checkpoint == nil)
    var picked: [ConversationID: [Locator]]?
    if let messages = selection.messages {
      picked = Dictionary(grouping: try await chosen(messages, selection), by: \.conversation)
    }
    if let place = checkpoint?.place { try await goOn(at: place, picked, writing) }
    while let page = try await nextConversations(selection, after: writing.done), !page.isEmpty {
      let cards = try await directory.cards(Set(page))
      for id in page {
        try Task.checkCancellation()
        if let card = cards[id] {
          try await write(card, picked: picked.map { $0[id] ?? [] }, writing)
        } else {
          writing.nameless += 1
        }
        try await end(id, writing)
      }
    }
    for format in writing.formats {
      try await format.finish()
      try await look(writing)
    }
    try await writing.contents?.close()
    try await auditEntries(upTo: job.row.createdAt, writing)
    return try await finish(writing, states: snapshot.states)
  }

  private func writing(
    _ snapshot: ExportSnapshot, _ selection: ExportSelection, _ job: Job, _ draft: PackageDraft,
    _ progress: @escaping @Sendable (ExportProgress) -> Void
  ) async throws -> ExportWriting {
    let states = snapshot.states
    return ExportWriting(
      selection: selection, export: job.row.id, draft: draft,
      formats: try await context(selection, job, draft).writers(job.formats), asked: job.formats,
      expected: snapshot.expectedByConversation,
      progress: ExportProgress(expected: selection.states.reduce(0) { $0 + (states[$1] ?? 0) }),
      report: progress)
  }

  /// The rest of a conversation that an interrupted run was in the midst of.
  private func goOn(
    at place: ExportCheckpoint.Place, _ picked: [ConversationID: [Locator]]?, _ writing: ExportWriting
  ) async throws {
    let id = ConversationID(rawValue: place.conversation)
    guard let card = try await directory.cards([id])[id] else {
      throw ExportError(.draftDamaged, "a conversation that an interrupted export was in is gone")
    }
    for (format, saved) in zip(writing.formats, writing.saved) { try await format.restore(saved, in: card) }
    try await members(of: card, writing, written: true)
    writing.current = place.messages
    var source = MessageSource(card: card, picked: picked.map { $0[id] ?? [] })
    source.after = place.position
    source.picked?.removeAll { $0.position <= place.position }
    try await write(from: source, begun: true, writing)
    try await end(id, writing)
  }

  private func context(_ selection: ExportSelection, _ job: Job, _ draft: PackageDraft)
    async throws -> FormatContext
  {
    var context = FormatContext(
      draft: draft, tenant: tenant.name, exportID: ExportID.text(job.row.id), from: selection.from,
      to: selection.to, madeAt: job.row.createdAt)
    if let subject = selection.subject, let profile = try await directory.profiles([subject])[subject] {
      context.person = (subject, profile)
    }
    return context
  }

  private func nextConversations(_ selection: ExportSelection, after cursor: ConversationID?) async throws
    -> [ConversationID]?
  {
    let filter = selection.filter(tenant.id)
    let page = try await database.transaction { tx in
      try Exports.conversations(filter, after: cursor, limit: Self.pageConversations, in: tx)
    }
    return page.isEmpty ? nil : page
  }

  /// One conversation: its head with the first message, so that a conversation without any leaves no trace, unless
  /// it was asked for as a whole.
  private func write(_ card: ConversationCard, picked: [Locator]?, _ writing: ExportWriting) async throws {
    var begun = false
    if writing.selection.takesWholeConversations || writing.person != nil {
      try await begin(card, writing)
      begun = true
    }
    try await write(from: MessageSource(card: card, picked: picked), begun: begun, writing)
  }

  private func write(from start: MessageSource, begun wasBegun: Bool, _ writing: ExportWriting) async throws {
    var (source, begun) = (start, wasBegun)
    let card = source.card
    do {
      while let page = try await next(&source, writing.selection) {
        try Task.checkCancellation()
        state(source.takeGaps(), card, writing)
        let messages = try await kept(page, writing.selection)
        guard !messages.isEmpty else { continue }
        if !begun { try await begin(card, writing) }
        begun = true
        try await write(messages, writing)
        try await passed(writing, in: source)
      }
      state(source.takeGaps(), card, writing)
    } catch let error where HistoryReader.isDamage(error) {
      // Wrong now, and wrong again the next time: a gap that is stated, instead of no package at all. Not a block of
      // messages, which are passed over: what goes with them, whose end cannot be told.
      writing.counts.gaps += 1
      writing.draft.warnings.add(
        .gap(conversation: card.profile.id, after: source.after.createdAt.rfc3339, reason: "\(error)"))
    }
    if begun { try await reactions(in: card, writing) }
    if begun { try await receipts(of: card, writing) }
    if begun { for format in writing.formats { try await format.end() } }
    try await writing.state(card)
  }

  private func kept(_ page: [HistoricMessage], _ selection: ExportSelection) async throws -> [HistoricMessage]
  {
    let held = try await held(page, by: selection.hold) { $0.locator.key }
    guard held.count < page.count, !selection.context.isEmpty else { return held }
    let keys = Set(held.map(\.locator.key))
    return page.filter { keys.contains($0.locator.key) || selection.context.contains($0.locator.key) }
  }

  private func begin(_ card: ConversationCard, _ writing: ExportWriting) async throws {
    writing.counts.conversations += 1
    for format in writing.formats { try await format.begin(card) }
    try await members(of: card, writing, written: false)
  }

  /// - Parameter written: by an interrupted run, so that formats are only reminded of them.
  private func members(of card: ConversationCard, _ writing: ExportWriting, written: Bool) async throws {
    var cursor: MembershipRow?
    var nameless = 0
    while true {
      let after = cursor
      let rows = try await database.transaction { tx in
        try Exports.members(
          route: card.route, conversation: card.conversation, after: after, limit: Self.pageMembers, in: tx)
      }
      guard let last = rows.last else { break }
      cursor = last
      let shown = writing.person.map { person in rows.filter { $0.subject == person } } ?? rows
      let profiles = try await profiles(Set(shown.map(\.subject)), writing)
      try await note(Set(profiles.keys), writing)
      let members = shown.compactMap { row in
        profiles[row.subject].map { ExportedMember(row: row, profile: $0) }
      }
      nameless += shown.count - members.count
      for format in writing.formats {
        if written { format.recall(members) } else { try await format.add(members) }
      }
    }
    if nameless > 0, !written {
      writing.draft.warnings.add(.namelessMembers(conversation: card.profile.id, members: nameless))
    }
  }

  private func write(_ messages: [HistoricMessage], _ writing: ExportWriting) async throws {
    let people = Set(messages.map(\.sender)).union(messages.flatMap { $0.changes.map(\.author) })
    let profiles = try await profiles(people, writing)
    try await note(Set(profiles.keys), writing)
    for message in messages {
      // No profile: the author's key went between reading and naming.
      guard let sender = profiles[message.sender] else { continue }
      let exported = ExportedMessage(message: message, sender: sender, people: profiles)
      for format in writing.formats { try await format.add(exported) }
      writing.count(message)
    }
    if let hold = writing.selection.hold, let undecided = try await undecided(messages, by: hold) {
      writing.counts.undecided = (writing.counts.undecided ?? 0) + undecided
    }
  }

  /// Evidence names people that were erased meanwhile, as long as a hold keeps what they wrote.
  func profiles(_ people: Set<SubjectID>, _ writing: ExportWriting) async throws
    -> [SubjectID: SubjectProfile]
  {
    var profiles =
      writing.selection.hold == nil
      ? try await directory.profiles(people) : try await directory.profilesInEvidence(people)
    let (tenant, ids) = (tenant.id, Array(profiles.keys))
    let gone = try await database.read { tx in try Subjects.deactivated(ids, tenant: tenant, in: tx) }
    for id in gone { profiles[id]?.isActive = false }
    return profiles
  }

  /// Written down before the people's data is, so that an erasure meanwhile finds this export.
  func note(_ people: Set<SubjectID>, _ writing: ExportWriting) async throws {
    let new = writing.newPeople(writing.person.map { people.intersection([$0]) } ?? people)
    guard !new.isEmpty else { return }
    let export = writing.export
    try await database.transaction { tx in try Exports.add(new, to: export, in: tx) }
  }

  private func finish(_ writing: ExportWriting, states: [Locator.State: Int]) async throws -> ExportCounts {
    let (warnings, export) = (writing.draft.warnings, writing.export)
    writing.counts.people = try await database.transaction { tx in try Exports.people(in: export, in: tx) }
    // After a gap the difference says nothing about keys.
    if writing.counts.gaps == 0 {
      writing.counts.unreadable = max(0, writing.progress.expected - writing.counts.messages)
    }
    if writing.counts.unreadable > 0 { warnings.add(.unreadable(messages: writing.counts.unreadable)) }
    if writing.selection.query?.complete == false {
      writing.counts.gaps += 1
      warnings.add(.queryIncomplete)
    }
    try await policies(writing)
    if let attachments = writing.counts.attachments { warnings.add(.attachments(attachments)) }
    if let undecided = writing.counts.undecided, undecided > 0 {
      warnings.add(.undecided(messages: undecided))
    }
    if writing.nameless > 0 { warnings.add(.namelessConversations(writing.nameless)) }
    for (state, count) in states.sorted(by: { $0.key.rawValue < $1.key.rawValue })
    where !writing.selection.states.contains(state) && writing.person == nil {
      // What is kept from a person for a case is not told to that person.
      warnings.add(.leftOut(state: state.name, messages: count))
    }
    try await writing.draft.write(Array(warnings.text.utf8), to: "warnings.txt", listed: true)
    return writing.counts
  }
}
