import Catalog
import History
import KeyVault
package import Model
import Postgres

extension RetentionService {
  /// Takes away deletion notices of days before `time`, delivered or not, and destroys the keys of those days.
  package func sweepNotices(before time: Timestamp) async throws {
    let (tenant, now, day) = (tenant, now(), Int32(time.microseconds / 86_400_000_000))
    let ended = try await database.transaction { tx in
      let ended = DeletionNotices.owners(
        tenant, days: try DeletionOutbox.sweep(tenant: tenant, before: day, in: tx))
      try KeyVault.destroy(ended, reason: "deletion notices have expired", at: now, in: tx)
      return ended
    }
    vault.forget(ended)
  }
}
