import Catalog
import History
import KeyVault
package import Model
import Postgres

/// A month may end while its messages are sealed or rewritten: its last message goes, and its key with it. What was
/// made of it then could be opened by nobody, and is not switched in.
extension Archiver {
  /// What became of work on a month. Where it was not done, the month is left as it is; objects that were put into the
  /// store by then are leftovers, which the next sweep deletes.
  enum Visit<R> {
    case done(R)
    /// The month has ended, or ended meanwhile.
    case ended
    /// There are messages that need a key which is not there: that is a loss, and no end. Other months are no worse
    /// for it.
    case lost
  }

  /// Hands out the key that all of the month is to be sealed under.
  ///
  /// - Throws: what `body` throws, unless that came of the end or of a loss.
  func visit<R>(_ period: Period, _ body: (DataKey) async throws -> R) async throws -> Visit<R> {
    let owner = KeyOwner.period(tenant.id, 0, period)
    guard let key = try await vault.key(of: owner) else {
      return try await hasEnded(period, since: nil) ? .ended : .lost
    }
    do {
      return .done(try await body(key))
    } catch  where Self.mayComeOfEnd(error) {
      guard try await hasEnded(period, since: key) else {
        guard (error as? TieringError)?.code == .keyMissing else { throw error }
        return .lost
      }
      vault.forget([owner])
      return .ended
    }
  }

  /// Months of a plan that a run leaves as they are, as their key is lost.
  package func lost(of plan: Plan) async throws -> [Period] {
    var lost: [Period] = []
    for month in plan.months {
      if case .lost = try await visit(month.period, { _ in }) { lost.append(month.period) }
    }
    return lost
  }

  /// What people are told of months that were left as they are; `nil`: there are none.
  package static func words(lost months: [Period], _ what: String) -> String? {
    months.isEmpty
      ? nil
      : "\(months.map(\.description).joined(separator: ", ")) were not \(what), as keys of their messages are gone; "
        + "see `key_missing` in the operations guide"
  }

  /// Asks in the transaction that switches segments, and keeps the key until its end. Before everything else in it: who
  /// ends a month locks the key first, then the rows of its segments and the audit log.
  func requireKey(_ key: DataKey, of period: Period, in tx: borrowing Transaction) throws {
    guard try vault.alive(key, in: tx) else { throw Self.keyGone(period) }
  }

  static func keyGone(_ period: Period) -> TieringError {
    TieringError(.keyMissing, "the key of \(period) is gone, and with it what was sealed under it")
  }

  /// Reading, sealing and reading back fail in these ways once the key is gone, or is another.
  private static func mayComeOfEnd(_ error: any Error) -> Bool {
    switch error {
    case let error as TieringError: error.code == .keyMissing || error.code == .verificationFailed
    default: HistoryReader.isDamage(error)
    }
  }

  /// - Parameter key: the one the work began with; `nil`: there was none.
  private func hasEnded(_ period: Period, since key: DataKey?) async throws -> Bool {
    let (tenant, vault) = (tenant.id, vault)
    return try await database.transaction { tx in
      if let key, try vault.alive(key, in: tx) { return false }
      let need = try ExpiredPeriods.need(tenant: tenant, period: period, in: tx)
      // In this order: a late message is stored after the new key it is sealed under.
      return try need == nil || KeyVault.exist([.period(tenant, 0, period)], in: tx)
    }
  }
}
