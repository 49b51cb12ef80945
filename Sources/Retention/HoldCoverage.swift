package import Catalog
import KeyVault
import Model
import Postgres

/// How complete the evidence under a hold is.
package struct HoldCoverage: Hashable, Sendable {
  package let hold: Int64
  /// All messages the hold keeps, by state; those gone went before it was placed, or after its release.
  package let counts: [Locator.State: Int]
  /// Held messages that nobody can open: the key of their author, conversation or month was destroyed before.
  package internal(set) var unreadable = 0
  /// Held messages that search does not find yet, as the index is behind.
  package internal(set) var notIndexed = 0
  /// Of a hold by query: kept although nothing shows that they match, as their words are not known, or as they arrived
  /// or were edited since it was evaluated.
  package internal(set) var undecided = 0

  init(hold: Int64, counts: [Locator.State: Int]) {
    self.hold = hold
    self.counts = counts
  }

  package var total: Int { counts.values.reduce(0, +) }
  /// There still, whether members see them or not.
  package var kept: Int { (counts[.live] ?? 0) + (counts[.restricted] ?? 0) }
  package var gone: Int { total - kept }
  package var isComplete: Bool { gone == 0 && unreadable == 0 && notIndexed == 0 }

  /// In words, empty if complete.
  package var gaps: [String] {
    var gaps: [String] = []
    for state in [Locator.State.deleted, .expired, .erased] {
      if let count = counts[state], count > 0 { gaps.append("\(count) \(state.name) already") }
    }
    if unreadable > 0 { gaps.append("\(unreadable) not readable, as a key is destroyed") }
    if notIndexed > 0 { gaps.append("\(notIndexed) not in the search index yet") }
    return gaps
  }
}

extension HoldService {
  private static let pageMessagesMax = 5_000

  /// Looks at every message the hold keeps.
  /// - Parameter indexPosition: the feed position that the index of a group has reached.
  /// - Throws: `RetentionError.unknownHold`.
  package func coverage(
    _ id: Int64, groups: Int, indexPosition: @Sendable (Int) async throws -> Int64
  ) async throws -> HoldCoverage {
    let isAsked = try await row(id).byQuery
    let counts = try await database.transaction { tx in try Holds.coverage(id, in: tx) }
    var coverage = HoldCoverage(hold: id, counts: counts)
    var indexed: [Int64] = []
    for group in 0..<groups { indexed.append(try await indexPosition(group)) }
    var cursor: MessageKey?
    repeat {
      let after = cursor
      let page = try await database.transaction { tx in
        try HeldMessages.page(id, after: after, limit: Self.pageMessagesMax, in: tx)
      }
      coverage.unreadable += try await unreadable(page)
      if isAsked { coverage.undecided += try await undecided(page, of: id) }
      coverage.notIndexed +=
        page.filter { $0.state == .live && $0.position.sequence > indexed[$0.route.group(of: groups)] }.count
      cursor = page.count == Self.pageMessagesMax ? page.last?.key : nil
    } while cursor != nil
    return coverage
  }

  private func undecided(_ page: [Locator], of hold: Int64) async throws -> Int {
    let keys = page.map(\.key)
    return try await database.read { tx in try HoldFindings.undecided(hold, of: keys, in: tx) }.count
  }

  private func unreadable(_ page: [Locator]) async throws -> Int {
    let owners = page.reduce(into: Set<KeyOwner>()) { $0.formUnion($1.keyOwners) }
    let known = Set(try await vault.keys(owners, creating: false).keys)
    let closed = page.filter { !$0.keyOwners.isSubset(of: known) }
    return closed.count - (try await preserved(closed))
  }

  /// Of messages of erased people there are copies under the holds' own keys.
  private func preserved(_ closed: [Locator]) async throws -> Int {
    guard !closed.isEmpty else { return 0 }
    let tenant = tenant
    let copies = try await database.transaction { tx in
      try Preservations.copies(of: closed.map(\.key), in: tx)
    }
    let keys = try await vault.keys(Set(copies.map { .matter(tenant, $0.preservation) }), creating: false)
    return Set(copies.filter { keys[.matter(tenant, $0.preservation)] != nil }.map(\.key)).count
  }
}
