import Catalog
import History
import KeyVault
import Model
import Postgres

/// What tells whoever places a hold whether it is the one they meant.
extension HoldService {
  /// Custodians of whom nobody has heard yet, sorted. Ask before the hold is placed, which makes them known.
  package func unknown(_ request: HoldRequest) async throws -> [String] {
    let (tenant, hasher) = (tenant, directory.hasher)
    let hashes = Dictionary(
      request.custodians.map { (hasher.hash("subject", $0), $0) }, uniquingKeysWith: { first, _ in first })
    guard !hashes.isEmpty else { return [] }
    let known = try await database.transaction { tx in
      Set(try Subjects.find(hashes: Array(hashes.keys), tenant: tenant, in: tx).map(\.hash))
    }
    return hashes.filter { !known.contains($0.key) }.values.sorted()
  }

  /// How many messages that are there still the hold covers now.
  package func covered(_ id: Int64) async throws -> Int {
    _ = try await row(id)
    let counts = try await database.transaction { tx in try Holds.coverage(id, in: tx) }
    return (counts[.live] ?? 0) + (counts[.restricted] ?? 0)
  }
}
