import Catalog
import Model
import Postgres

/// Why something of a person who is erased has to be kept: a hold (GDPR Art. 17(3)(e)), or a duty that a locked
/// floor of retention stands for (Art. 17(3)(b)).
enum Ground: Hashable, Sendable {
  case hold(Int64)
  case floor

  var hold: Int64? {
    guard case .hold(let id) = self else { return nil }
    return id
  }
}

/// The grounds of messages, and when those that are floors end.
struct Grounds: Hashable, Sendable {
  private(set) var byKey: [MessageKey: Set<Ground>] = [:]
  private(set) var floors: [MessageKey: RunningFloor] = [:]

  /// Asks the guard's own conditions.
  init(of keys: [MessageKey], tenant: TenantID, at now: Timestamp, in tx: borrowing Transaction) throws {
    for (key, holds) in try Deletions.heldBy(keys, in: tx) { byKey[key] = Set(holds.map(Ground.hold)) }
    floors = try Floors.running(.locked, on: keys, tenant: tenant, at: now, in: tx)
    for key in floors.keys { byKey[key, default: []].insert(.floor) }
  }

  var all: Set<Ground> { byKey.values.reduce(into: []) { $0.formUnion($1) } }

  func until(_ key: MessageKey, _ ground: Ground) -> Timestamp? {
    ground == .floor ? floors[key]?.until : nil
  }
}
