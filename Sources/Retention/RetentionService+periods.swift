import AuditLog
import Blocking
import Catalog
import KeyVault
package import Model
package import Postgres

extension RetentionService {
  /// Months of which nothing is left lose their key, so that neither segments nor backups give them back, and
  /// their segments leave the archive. Every month that has a key and is over is asked about: its last message may
  /// have gone in any other way than by this run, or by one that was killed before it came here.
  func endPeriods(_ run: inout RetentionRun, actor: String) async throws {
    // Keys of a restored database are under older epochs than backups may have them under: what is destroyed there
    // would be taken to be beyond recovery too early.
    guard endsPeriods, try await vault.restoredShards().isEmpty else { return }
    let now = now()
    for period in try await periods(endedBy: now) {
      switch try await end(period, at: now, actor: actor) {
      case .ended(let segments):
        FaultPoint.reach("period.ended")
        vault.forget([.period(tenant, 0, period)])
        run.expiredPeriods.append(period)
        run.supersededSegments += segments
      case .kept(.message), .gone: break
      case .kept(let need): run.keptPeriods[period] = need
      }
    }
  }

  /// Partitions of months that are over, once no tenant has a row in them: once for a run, of however many tenants.
  /// Readers who do not let go of the table keep them for another night.
  package static func dropPartitions(in database: PostgresPool, at now: Timestamp) async throws {
    let blank = try await database.read { tx in try Partitions.withoutPages(in: tx) }
    for period in blank.sorted() where period.end <= now {
      do {
        _ = try await database.transaction { tx in try Partitions.dropIfEmpty(period, in: tx) }
      } catch let error as PostgresError where error.code == .lockTimeout {
        // While this waited, everybody who came later waited too. The lock is the same for all partitions.
        return
      }
    }
  }

  /// Months with a key.
  private func periods(endedBy now: Timestamp) async throws -> [Period] {
    var periods: [Period] = []
    var last: KeyOwner?
    repeat {
      let owners = try await vault.owners(
        of: tenant, kinds: [.period], after: last, limit: Self.batchMessagesMax)
      periods += owners.compactMap { owner in
        guard case .period(_, 0, let period) = owner, period.end <= now else { return nil }
        return period
      }
      last = owners.count == Self.batchMessagesMax ? owners.last : nil
    } while last != nil
    return periods.sorted()
  }

  private enum End: Sendable {
    /// With so many segments.
    case ended(Int)
    case kept(ExpiredPeriods.Need)
    /// Another run ended it in between.
    case gone
  }

  private func end(_ period: Period, at now: Timestamp, actor: String) async throws -> End {
    let (tenant, audit) = (tenant, audit)
    let need = try await database.read { tx in
      try ExpiredPeriods.need(tenant: tenant, period: period, in: tx)
    }
    if let need { return .kept(need) }
    do {
      return try await database.transaction { tx in
        // First the key, then the check: the destruction waits for whoever stores or switches under this key
        // (`alive`), and the check, a later statement of a READ COMMITTED transaction, sees what they stored.
        let owner = KeyOwner.period(tenant, 0, period)
        guard try KeyVault.destroy([owner], reason: "retention", at: now, in: tx) > 0 else { return .gone }
        if let need = try ExpiredPeriods.need(tenant: tenant, period: period, in: tx) {
          throw PeriodNeeded(need: need)
        }
        let segments = try ExpiredPeriods.segments(tenant: tenant, period: period, in: tx)
        for segment in segments { try Archive.supersede(segment, at: now, in: tx) }
        let entry = AuditEntry(
          tenant: tenant, actor: actor, action: "retention.period_ended", object: period.description,
          details: ["segments": String(segments.count)])
        try audit.append([entry], at: now, in: tx)
        FaultPoint.reach("period.ending")
        return .ended(segments.count)
      }
    } catch let error as PeriodNeeded {
      return .kept(error.need)
    }
  }

  /// A message came in while the period was being ended: everything rolls back.
  private struct PeriodNeeded: Error {
    let need: ExpiredPeriods.Need
  }
}
