import Catalog
import History
import Model

/// What a format may know of the export it writes for.
struct FormatContext {
  let draft: PackageDraft
  let tenant: String
  let exportID: String
  let from: Timestamp?
  /// Exclusive.
  let to: Timestamp?
  let madeAt: Timestamp
  /// Whose messages are selected, if they are one person's.
  var person: (subject: SubjectID, profile: SubjectProfile)?

  /// Says once a conversation that a format does not name everybody who was there.
  func warnOfCrowd(_ format: ExportFormat, _ card: ConversationCard, limit: Int) {
    draft.warnings.addOnce(.crowd(format: format, conversation: card.profile.id, limit: limit))
  }

  /// The writers of the formats asked for, in one order, so that a package of the same messages has the same bytes.
  func writers(_ formats: Set<ExportFormat>) async throws -> [any PackageFormat] {
    var writers: [any PackageFormat] = []
    for format in ExportFormat.allCases where formats.contains(format) {
      writers.append(try await writer(format))
    }
    return writers
  }

  private func writer(_ format: ExportFormat) async throws -> any PackageFormat {
    switch format {
    case .jsonl: try JSONLinesFormat(draft)
    case .html: try await HTMLFormat(draft)
    case .csv: try await CSVFormat(draft)
    case .eml: EMLFormat(self)
    case .mbox: MboxFormat(self)
    case .dat: try await ConcordanceFormat(self)
    case .rsmf: RSMFFormat(self)
    case .slack: try await SlackFormat(self)
    case .actiance: try await ActianceFormat(self)
    case .dsar: try await DSARFormat(self)
    case .globalrelay: GlobalRelayFormat(self)
    }
  }
}
