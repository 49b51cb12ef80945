import Catalog
import History
package import Model
import Postgres

/// A hold, for showing.
package struct HoldView: Hashable, Sendable {
  package let id: Int64
  /// Empty, as all texts, once the matter's key is destroyed.
  package let matter: String
  package let reason: String
  package let placedBy: String
  package let placedAt: Timestamp
  /// Platform's ids; a subject who was erased since is ``erased``.
  package let custodians: [String]
  package let conversations: [String]
  package let from: Timestamp?
  package let to: Timestamp?
  package let silent: Bool
  /// `nil`: it keeps all it covers.
  package let query: Query?
  package let releasedAt: Timestamp?
  package let releaseReason: String?
  package let releasedBy: String?

  /// A hold's query, and what reading messages for it has shown.
  package struct Query: Encodable, Hashable, Sendable {
    package let text: String
    /// What was there then has been read, as far as it can be; `nil`: all is held until it is.
    package let evaluatedAt: Timestamp?
    package let matches: Int
    /// Messages whose words are sealed, blinded or cut, and held for that.
    package let undecided: Int
    /// Messages that were found not to match, and are not held by this.
    package let excluded: Int

    enum CodingKeys: String, CodingKey {
      case text, matches, undecided, excluded
      case evaluatedAt = "evaluated_at"
    }

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(text, forKey: .text)
      try container.encodeIfPresent(evaluatedAt?.rfc3339, forKey: .evaluatedAt)
      try container.encode(matches, forKey: .matches)
      try container.encode(undecided, forKey: .undecided)
      try container.encode(excluded, forKey: .excluded)
    }
  }

  package static let erased = PolicyNames.erased

  /// `hold-` and 16 hexadecimal digits.
  package var handle: String { Handle.text("hold", id) }
  package var isActive: Bool { releasedAt == nil }
}

extension HoldService {
  /// In the order they were placed.
  package func list(activeOnly: Bool = false) async throws -> [HoldView] {
    let tenant = tenant
    return try await views(
      try await database.transaction { tx in try Holds.list(tenant: tenant, activeOnly: activeOnly, in: tx) })
  }

  /// - Throws: `RetentionError.unknownHold`.
  package func show(_ id: Int64) async throws -> HoldView {
    guard let view = try await views([try await row(id)]).first else {
      throw RetentionError(.unknownHold, "no hold \(Handle.text("hold", id)) is known")
    }
    return view
  }

  private func views(_ rows: [HoldRow]) async throws -> [HoldView] {
    let texts = try await seal.open(rows)
    let profiles = try await directory.profiles(Set(rows.flatMap(\.custodians)))
    let cards = try await directory.cards(Set(rows.flatMap(\.conversations)))
    let asked = rows.filter(\.byQuery).map(\.id)
    let found =
      asked.isEmpty ? [:] : try await database.read { tx in try HoldFindings.counts(asked, in: tx) }
    return rows.map { row in
      let text = texts[row.id]
      return HoldView(
        id: row.id, matter: text?.matter ?? "", reason: text?.reason ?? "", placedBy: text?.placedBy ?? "",
        placedAt: row.placedAt, custodians: row.custodians.map { profiles[$0]?.id ?? HoldView.erased },
        conversations: row.conversations.map { cards[$0]?.profile.id ?? HoldView.erased }, from: row.from,
        to: row.to, silent: row.silent,
        query: row.byQuery ? HoldView.Query(row, text, found[row.id] ?? [:]) : nil,
        releasedAt: row.releasedAt, releaseReason: text?.releaseReason,
        releasedBy: text?.releasedBy)
    }
  }
}

extension HoldView.Query {
  fileprivate init(_ row: HoldRow, _ text: HoldText?, _ found: [HoldFinding: Int]) {
    self.init(
      text: text?.query ?? "", evaluatedAt: row.evaluatedAt, matches: found[.matches] ?? 0,
      undecided: found[.undecided] ?? 0, excluded: found[.doesNotMatch] ?? 0)
  }
}
