import AuditLog
import Catalog
import KeyVault
import Model
import Postgres

extension RetentionService {
  /// Months of which nothing is left lose their key, so that neither segments nor backups give them back, and
  /// their segments leave the archive.
  func endPeriods(_ periods: Set<Period>, _ run: inout RetentionRun, actor: String) async throws {
    guard endsPeriods else { return }
    let now = now()
    for period in periods.sorted() where period.end <= now {
      guard let segments = try await end(period, at: now, actor: actor) else { continue }
      vault.forget([.period(tenant, 0, period)])
      run.expiredPeriods.append(period)
      run.supersededSegments += segments
    }
  }

  /// Returns how many segments went; `nil` if something still needs the key.
  private func end(_ period: Period, at now: Timestamp, actor: String) async throws -> Int? {
    let (tenant, audit) = (tenant, audit)
    let isNeeded = try await database.transaction { tx in
      try ExpiredPeriods.needsKey(tenant: tenant, period: period, in: tx)
    }
    guard !isNeeded else { return nil }
    do {
      return try await database.transaction { tx in
        // First the key, then the check: the destruction waits for whoever stores under this key (`alive`), and
        // the check, a later statement of a READ COMMITTED transaction, sees what they stored.
        try KeyVault.destroy([.period(tenant, 0, period)], reason: "retention", at: now, in: tx)
        guard try !ExpiredPeriods.needsKey(tenant: tenant, period: period, in: tx) else {
          throw PeriodNeeded()
        }
        let segments = try ExpiredPeriods.segments(tenant: tenant, period: period, in: tx)
        for segment in segments { try Archive.supersede(segment, at: now, in: tx) }
        let entry = AuditEntry(
          tenant: tenant, actor: actor, action: "retention.period_ended", object: period.description,
          details: ["segments": String(segments.count)])
        try audit.append([entry], at: now, in: tx)
        return segments.count
      }
    } catch is PeriodNeeded {
      return nil
    }
  }

  /// A message came in while the period was being ended: everything rolls back.
  private struct PeriodNeeded: Error {}
}
