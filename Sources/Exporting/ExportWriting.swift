import Catalog
import Foundation
import History
import Model

/// Where the messages of one conversation come from, and how far they are read.
struct MessageSource {
  let card: ConversationCard
  var picked: [Locator]?
  var after = MessagePosition.start
  /// Stretches that could not be read and that ``after`` has just passed: whoever reads on states them once.
  var gaps: [Gap] = []
  /// Whether it is known that nothing comes behind ``after``. Not kept for the next run, which looks again.
  var isAtEnd = false

  struct Gap {
    let first: Timestamp
    let last: Timestamp
    /// Of messages that were picked; `nil`: nobody knows how many there are.
    var messages: Int?
  }

  init(card: ConversationCard, picked: [Locator]?) {
    self.card = card
    self.picked = picked?.sorted { $0.position < $1.position }
  }
}

/// A run's own memory.
final class ExportWriting {
  private static let notedMax = 100_000
  /// Attachments warned of one by one; of the rest, how many they are.
  private static let attachmentsNamed = 1_000
  let selection: ExportSelection
  let export: Int64
  let draft: PackageDraft
  let formats: [any PackageFormat]
  /// Messages that were there at the start.
  let expected: [ConversationID: Int]
  let report: @Sendable (ExportProgress) -> Void
  var progress: ExportProgress
  var counts = ExportCounts()
  var nameless = 0
  /// The last conversation that is whole.
  var done: ConversationID?
  /// Messages of the one that is being written.
  var current = 0
  /// What formats go on from.
  private(set) var saved: [Data] = []
  let pace = ExportRunPace()
  /// States how many messages of each conversation are inside, and how many there are.
  private(set) var contents: PackageFile?
  /// Messages the person whose package it is reacted to, by conversation.
  var reacted: [ConversationID: [Locator]]?
  private var noted: Set<SubjectID> = []
  /// What one of the formats has no room for, until it is told.
  private var untold: Set<FormatLack>
  private let asked: [ExportFormat]

  private let isForPerson: Bool

  init(
    selection: ExportSelection, export: Int64, draft: PackageDraft, formats: [any PackageFormat],
    asked: Set<ExportFormat> = [],
    expected: [ConversationID: Int], progress: ExportProgress,
    report: @escaping @Sendable (ExportProgress) -> Void = { _ in }
  ) {
    self.selection = selection
    self.export = export
    self.draft = draft
    self.formats = formats
    self.asked = ExportFormat.allCases.filter(asked.contains)
    untold = Set(FormatLack.allCases.filter { !$0.formats.isDisjoint(with: asked) })
    self.expected = expected
    self.report = report
    isForPerson = formats.contains { $0 is DSARFormat }
    self.progress = progress
  }

  /// Whose package this is, if it goes to them: then nobody else is in it but by number.
  var person: SubjectID? { isForPerson ? selection.subject : nil }

  /// Goes on from a checkpoint; in the middle of a conversation, formats are restored when its card is known.
  func restore(_ checkpoint: ExportCheckpoint?) async throws {
    // Direct conversations are called by their members: a person's own package states none.
    if person == nil { contents = try draft.file(PackageStatement.fileName) }
    guard let checkpoint else { return }
    guard checkpoint.formats.count == formats.count else {
      throw ExportError(.draftDamaged, "an interrupted export was of other formats")
    }
    (counts, nameless, saved) = (checkpoint.counts, checkpoint.nameless, checkpoint.formats)
    (progress.messages, progress.conversations) = (checkpoint.counts.messages, checkpoint.conversations)
    done = checkpoint.done.map { ConversationID(rawValue: $0) }
    guard checkpoint.place == nil else { return }
    for (format, saved) in zip(formats, saved) { try await format.restore(saved, in: nil) }
  }

  /// `nil` where one of the formats cannot be gone on with.
  func checkpoint(in source: MessageSource?) throws -> ExportCheckpoint? {
    var saved: [Data] = []
    for format in formats {
      guard let state = try format.save() else { return nil }
      saved.append(state)
    }
    let place = source.map {
      ExportCheckpoint.Place(
        conversation: $0.card.conversation.rawValue, microseconds: $0.after.createdAt.microseconds,
        sequence: $0.after.sequence, messages: current)
    }
    return ExportCheckpoint(
      done: done?.rawValue, place: place, counts: counts, conversations: progress.conversations,
      nameless: nameless, warnings: draft.warnings.saved, formats: saved, open: [], listed: 0)
  }

  /// Writes down what there is of a conversation, and what is inside.
  func state(_ card: ConversationCard) async throws {
    let there = expected[card.conversation] ?? 0
    guard let contents, there > 0 || current > 0 else { return }
    var json = JSONWriter()
    json.object { json in
      json.member("conversation_id", card.profile.id)
      json.member("there", Int64(there))
      json.member("inside", Int64(current))
    }
    json.endLine()
    contents.lines += 1
    try await contents.write(json.bytes)
  }

  func count(_ message: HistoricMessage) {
    counts.messages += 1
    current += 1
    progress.messages += 1
    for attachment in message.original.attachments {
      counts.attachments = (counts.attachments ?? 0) + 1
      guard (counts.attachments ?? 0) <= Self.attachmentsNamed else { continue }
      draft.warnings.add(.attachment(message: message.original.messageID, id: attachment.id))
    }
    if !untold.isEmpty {
      for lack in FormatLack.of(message) where untold.remove(lack) != nil { tell(lack) }
    }
    if message.locator.state == .restricted { counts.restricted += 1 }
    if case .sealed = message.payload.body { counts.sealed += 1 }
  }

  private func tell(_ lack: FormatLack) {
    for format in asked where lack.formats.contains(format) {
      draft.warnings.addOnce(.lacking(format: format, what: lack.words))
    }
  }

  /// Those not written down yet. Forgets when it grows too big; writing twice does no harm.
  func newPeople(_ people: Set<SubjectID>) -> [SubjectID] {
    if noted.count >= Self.notedMax { noted.removeAll() }
    return people.filter { noted.insert($0).inserted }
  }
}
