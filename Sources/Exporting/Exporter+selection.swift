import Catalog
import History
package import Model
import Postgres

extension Exporter {
  /// Keys asked about at once.
  private static let keysPerQuery = 1_000

  /// A selection by the platform's ids. Throws for an id nobody knows, as an empty package would mislead.
  package func selection(
    subject: String? = nil, conversations: [String] = [], hold: Int64? = nil, from: Timestamp? = nil,
    to: Timestamp? = nil
  ) async throws -> ExportSelection {
    var selection = ExportSelection(hold: hold, from: from, to: to)
    if let subject {
      guard let found = try await directory.subject(subject) else {
        throw ExportError(.unknownSubject, "nobody of that id is known")
      }
      selection.subject = found
    }
    for id in conversations {
      guard let card = try await directory.conversation(id) else {
        throw ExportError(.unknownConversation, "there is no conversation \(id)")
      }
      selection.conversations = (selection.conversations ?? []) + [card.conversation]
    }
    try await check(selection)
    return selection
  }

  /// The hold is the tenant's, what it keeps is known, and the stretch of time is one.
  func check(_ selection: ExportSelection) async throws {
    if let from = selection.from, let to = selection.to, to <= from {
      throw ExportError(
        .badSelection, "the time to export to, which is left out, comes after the one to begin from")
    }
    guard let hold = selection.hold else { return }
    let found = try await database.transaction { tx in try Holds.find(hold, in: tx) }
    guard found?.tenant == tenant.id else {
      throw ExportError(.unknownHold, "there is no hold \(ExportID.named("hold", hold))")
    }
    guard found?.byQuery != true || found?.releasedAt == nil else {
      throw ExportError(
        .wrongState,
        "\(ExportID.named("hold", hold)) is released, and what its query found is forgotten: select by people, "
          + "conversations, times or a query instead")
    }
  }

  /// How many located messages the selection names, by conversation and state.
  func counts(_ selection: ExportSelection) async throws -> [ExportCount] {
    guard let messages = selection.messages else {
      let filter = selection.filter(tenant.id)
      return try await database.transaction { tx in try Exports.counts(filter, in: tx) }
    }
    let chosen = try await chosen(messages, selection)
    let cards = try await directory.cards(Set(chosen.map(\.conversation)))
    var counts: [ExportCount] = []
    for (place, located) in Dictionary(grouping: chosen, by: \.conversation).sorted(by: { $0.key < $1.key }) {
      for (state, messages) in Dictionary(grouping: located, by: \.state) {
        counts.append(
          ExportCount(
            conversation: place, clientSealed: cards[place]?.clientSealed ?? false, state: state,
            messages: messages.count))
      }
    }
    return counts
  }

  /// The same, summed up over the conversations.
  func totals(_ selection: ExportSelection) async throws -> [Locator.State: Int] {
    guard selection.messages == nil else {
      return try await counts(selection).reduce(into: [:]) { $0[$1.state, default: 0] += $1.messages }
    }
    let filter = selection.filter(tenant.id)
    return try await database.transaction { tx in try Exports.totals(filter, in: tx) }
  }

  /// Those of the picked messages that the rest of the selection admits, with their states of now.
  func chosen(_ messages: [Locator], _ selection: ExportSelection) async throws -> [Locator] {
    var rest = selection
    rest.messages = nil
    let (tenant, conversations) = (tenant.id, rest.conversations.map { Set($0) })
    var chosen: [Locator] = []
    for start in stride(from: 0, to: messages.count, by: Self.keysPerQuery) {
      let keys = messages[start..<min(start + Self.keysPerQuery, messages.count)].map(\.key)
      let fresh = try await database.transaction { tx in try Locators.find(keys, in: tx) }
      let admitted = fresh.values.filter {
        $0.tenant == tenant && rest.admits($0) && (conversations?.contains($0.conversation) ?? true)
      }
      let held = try await held(admitted, by: rest.hold) { $0.key }
      let taken = Set(held.map(\.key))
      chosen += held
      chosen += fresh.values.filter {
        selection.context.contains($0.key) && !taken.contains($0.key) && $0.state == .live
          && $0.tenant == tenant
      }
    }
    return chosen
  }

  /// How many of the messages a hold keeps although nothing shows that its query finds them; `nil`: it has none.
  func undecided(_ messages: [HistoricMessage], by hold: Int64) async throws -> Int? {
    let keys = messages.map(\.locator.key)
    return try await database.read { tx in
      guard try Holds.find(hold, in: tx)?.byQuery == true else { return nil }
      return try HoldFindings.undecided(hold, of: keys, in: tx).count
    }
  }

  /// Those that the hold covers; all of them without a hold.
  func held<Element: Sendable>(
    _ elements: [Element], by hold: Int64?, _ key: (Element) -> MessageKey
  ) async throws -> [Element] {
    guard let hold, !elements.isEmpty else { return elements }
    let keys = elements.map(key)
    let covered = try await database.transaction { tx in try Exports.covered(by: hold, keys, in: tx) }
    return elements.filter { covered.contains(key($0)) }
  }
}
