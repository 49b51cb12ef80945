import Catalog
import History
import Model
import Postgres

extension ExportEstimate {
  /// Somebody who wrote messages of a selection.
  package struct Custodian: Sendable, Hashable {
    /// `nil` for people who can be named no more.
    package let id: String?
    package let messages: Int
  }
}

extension Exporter {
  /// Custodians of an estimate, those with the most messages first.
  package static let custodiansMax = 1_000

  /// Who wrote what a selection would take in.
  package func custodians(_ selection: ExportSelection) async throws -> [ExportEstimate.Custodian] {
    let counts = try await messagesBySender(selection)
    let most = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(Self.custodiansMax)
    let profiles = try await directory.profiles(Set(most.map(\.key)))
    return most.map { ExportEstimate.Custodian(id: profiles[$0.key]?.id, messages: $0.value) }
  }

  private func messagesBySender(_ selection: ExportSelection) async throws -> [SubjectID: Int] {
    if let messages = selection.messages {
      return try await chosen(messages, selection).reduce(into: [:]) { $0[$1.sender, default: 0] += 1 }
    }
    let (filter, states) = (selection.filter(tenant.id), selection.states)
    return try await database.transaction { tx in
      try Exports.senders(filter, states: states, in: tx)
    }
  }
}
