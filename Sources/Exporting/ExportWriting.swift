import Catalog
import History
import Model

/// Where the messages of one conversation come from, and how far they are read.
struct MessageSource {
  let card: ConversationCard
  var picked: [Locator]?
  var after = MessagePosition.start

  init(card: ConversationCard, picked: [Locator]?) {
    self.card = card
    self.picked = picked?.sorted { $0.position < $1.position }
  }
}

/// A run's own memory.
final class ExportWriting {
  private static let notedMax = 100_000
  let selection: ExportSelection
  let export: Int64
  let draft: PackageDraft
  let formats: [any PackageFormat]
  var progress: ExportProgress
  var counts = ExportCounts()
  var nameless = 0
  private var noted: Set<SubjectID> = []

  private let isForPerson: Bool

  init(
    selection: ExportSelection, export: Int64, draft: PackageDraft, formats: [any PackageFormat],
    progress: ExportProgress
  ) {
    self.selection = selection
    self.export = export
    self.draft = draft
    self.formats = formats
    isForPerson = formats.contains { $0 is DSARFormat }
    self.progress = progress
  }

  /// Whose package this is, if it goes to them: then nobody else is in it but by number.
  var person: SubjectID? { isForPerson ? selection.subject : nil }

  func count(_ message: HistoricMessage) {
    counts.messages += 1
    progress.messages += 1
    if message.locator.state == .restricted { counts.restricted += 1 }
    if case .sealed = message.payload.body { counts.sealed += 1 }
  }

  /// Those not written down yet. Forgets when it grows too big; writing twice does no harm.
  func newPeople(_ people: Set<SubjectID>) -> [SubjectID] {
    if noted.count >= Self.notedMax { noted.removeAll() }
    return people.filter { noted.insert($0).inserted }
  }
}
