import Catalog
import History
import Model
import Postgres

extension ExportEstimate {
  /// What the messages of a selection take up as they are stored, in bytes. Hot ones are measured; archived ones count
  /// with the average of their months' segments, as blocks have messages of many. A package has them unpacked, and is
  /// bigger.
  package struct Storage: Sendable, Hashable {
    package var hot: Int64 = 0
    package var archived: Int64 = 0
    package var bytes: Int64 { hot + archived }
  }
}

extension Exporter {
  private static let placesPerQuery = 1_000

  /// - Parameter messages: how many the selection takes in.
  package func storage(_ selection: ExportSelection, messages: Int) async throws -> ExportEstimate.Storage {
    let hot = try await hot(selection)
    let (tenant, from, to) = (tenant.id, selection.from, selection.to)
    let archived = try await database.read { tx in
      try Exports.archived(tenant: tenant, from: from, to: to, in: tx)
    }
    var storage = ExportEstimate.Storage(hot: hot.bytes)
    guard archived.messages > 0, messages > hot.messages else { return storage }
    let average = Double(archived.bytes) / Double(archived.messages)
    storage.archived = Int64((average * Double(messages - hot.messages)).rounded())
    return storage
  }

  private func hot(_ selection: ExportSelection) async throws -> StoredMessages {
    guard let messages = selection.messages else {
      let (filter, states) = (selection.filter(tenant.id), selection.states)
      return try await database.read { tx in try Exports.hot(filter, states: states, in: tx) }
    }
    var stored = StoredMessages()
    let places = try await chosen(messages, selection).map(\.place)
    for start in stride(from: 0, to: places.count, by: Self.placesPerQuery) {
      let part = Array(places[start..<min(start + Self.placesPerQuery, places.count)])
      let rows = try await database.read { tx in try Messages.at(part, in: tx) }
      stored.messages += rows.count
      stored.bytes += rows.reduce(0) { $0 + Int64($1.sealed.count) }
    }
    return stored
  }
}
