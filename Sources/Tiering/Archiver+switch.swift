import AuditLog
import Blocking
import Catalog
import KeyVault
import Model
import Postgres
import Segments

extension Archiver {
  /// Makes the segments the place to read from and takes the hot rows away, in one transaction. The whole
  /// partition is dropped when everything in it is covered; rows are deleted otherwise, or when readers would not
  /// let go of the partition in time.
  ///
  /// - Throws: `LeaseLost` if another run may have swept the segments away meanwhile; `.keyMissing` if nobody could
  ///   open them.
  func switchOver(
    _ month: Plan.Month, _ sealed: [SealedSegment], under key: DataKey, bounds: [Int16: Int64]
  ) async throws {
    guard !sealed.isEmpty else { return }
    let covered = HotCoverage(
      tenant: tenant.id, from: month.from, until: month.until,
      places: month.conversations.map {
        ($0.route, $0.conversation, bounds[Int16($0.route.group(of: settings.groups))] ?? 0)
      })
    do {
      try await switchOver(month, sealed, covered, under: key, dropping: true)
    } catch let error as PostgresError where error.code == .lockTimeout {
      try await switchOver(month, sealed, covered, under: key, dropping: false)
    } catch is HotCoverage.NotCovered {
      try await switchOver(month, sealed, covered, under: key, dropping: false)
    }
  }

  private func switchOver(
    _ month: Plan.Month, _ sealed: [SealedSegment], _ covered: HotCoverage, under key: DataKey,
    dropping: Bool
  ) async throws {
    let total = sealed.reduce(0) { $0 + Int($1.row.messages) }
    let (audit, tenant, now, actor) = (audit, tenant, now(), actor)
    try await changingCatalogue { tx in
      try requireKey(key, of: month.period, in: tx)
      for segment in sealed { try Archive.insert(segment.row, blocks: segment.blocks, in: tx) }
      FaultPoint.reach("switch.catalogued")
      let removed = try covered.removeHot(period: month.period, dropping: dropping, in: tx)
      FaultPoint.reach("switch.dropped")
      // Fewer is fine: messages deleted since they were read are hidden by their state. More would be a loss.
      guard removed <= total else {
        throw TieringError(
          .hotChanged, "the hot rows changed while they were sealed; the next run takes them")
      }
      _ = try audit.append(
        [
          AuditEntry(
            tenant: tenant.id, actor: actor, action: "archive.sealed", object: month.period.description,
            details: [
              "segments": sealed.map(\.row.id).joined(separator: ","), "messages": String(total),
              "bytes": String(sealed.reduce(0) { $0 + $1.row.bytes }),
            ])
        ], at: now, in: tx)
    }
  }
}
