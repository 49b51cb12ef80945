package import Model

/// What a data key belongs to; destroying the key makes everything sealed under it unreadable.
package enum KeyOwner: Hashable, Sendable {
  package enum Kind: Int16, Sendable, CaseIterable {
    case subject = 1
    case conversation, period, matter, request
  }

  case subject(TenantID, SubjectID)
  case conversation(TenantID, ConversationID)
  /// A retention class in a period.
  case period(TenantID, Int16, Period)
  /// A hold matter.
  case matter(TenantID, Int64)
  /// An erasure request.
  case request(TenantID, Int64)

  package var kind: Kind {
    switch self {
    case .subject: .subject
    case .conversation: .conversation
    case .period: .period
    case .matter: .matter
    case .request: .request
    }
  }
}

/// The columns an owner is found by. In row order, which is the order rows are locked in.
struct KeyPlace: Hashable, Sendable, Comparable {
  /// Fixed by the format: a key's shard is part of its row's key and of what its wrapping authenticates.
  static let shards = 16

  let shard: Int16
  let kind: Int16
  let tenant: Int64
  let high: Int64
  let low: Int64

  init(_ owner: KeyOwner) {
    switch owner {
    case .subject(let tenant, let id): (self.tenant, high, low) = (tenant.rawValue, 0, id.rawValue)
    case .conversation(let tenant, let id): (self.tenant, high, low) = (tenant.rawValue, 0, id.rawValue)
    case .period(let tenant, let retentionClass, let period):
      (self.tenant, high, low) = (tenant.rawValue, Int64(retentionClass), Int64(period.rawValue))
    case .matter(let tenant, let id), .request(let tenant, let id):
      (self.tenant, high, low) = (tenant.rawValue, 0, id)
    }
    kind = owner.kind.rawValue
    shard = Self.shard(kind, tenant, high, low)
  }

  init(shard: Int16, kind: Int16, tenant: Int64, high: Int64, low: Int64) {
    (self.shard, self.kind, self.tenant, self.high, self.low) = (shard, kind, tenant, high, low)
  }

  /// `nil` for a kind this version does not know.
  var owner: KeyOwner? {
    let tenant = TenantID(rawValue: tenant)
    switch KeyOwner.Kind(rawValue: kind) {
    case .subject: return .subject(tenant, SubjectID(rawValue: low))
    case .conversation: return .conversation(tenant, ConversationID(rawValue: low))
    case .period:
      return .period(
        tenant, Int16(truncatingIfNeeded: high), Period(rawValue: Int32(truncatingIfNeeded: low)))
    case .matter: return .matter(tenant, low)
    case .request: return .request(tenant, low)
    case nil: return nil
    }
  }

  static func < (left: Self, right: Self) -> Bool {
    (left.shard, left.kind, left.tenant, left.high, left.low)
      < (right.shard, right.kind, right.tenant, right.high, right.low)
  }

  /// A multiplicative hash (the finaliser of SplitMix64) over the columns; must never change.
  private static func shard(_ kind: Int16, _ tenant: Int64, _ high: Int64, _ low: Int64) -> Int16 {
    var hash: UInt64 = 0
    for number in [Int64(kind), tenant, high, low] {
      hash = (hash ^ UInt64(bitPattern: number)) &+ 0x9E37_79B9_7F4A_7C15
      hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
      hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
      hash ^= hash >> 31
    }
    return Int16(hash % UInt64(shards))
  }
}
