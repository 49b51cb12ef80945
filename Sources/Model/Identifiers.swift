/// The number a tenant is known by inside the house; small, assigned in order of creation.
package struct TenantID: RawRepresentable, Hashable, Sendable, Comparable, Codable {
  package let rawValue: Int64
  package init(rawValue: Int64) { self.rawValue = rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A person data is about. Random, so that nothing leads back to the person once the row that maps it is gone.
package struct SubjectID: RawRepresentable, Hashable, Sendable, Comparable, Codable {
  package let rawValue: Int64
  package init(rawValue: Int64) { self.rawValue = rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// Of no person ever: what is looked for in the place of somebody unknown, so that it takes the same way.
  package static let nobody = SubjectID(rawValue: 0)
}

/// A conversation. Random, like ``SubjectID``.
package struct ConversationID: RawRepresentable, Hashable, Sendable, Comparable, Codable {
  package let rawValue: Int64
  package init(rawValue: Int64) { self.rawValue = rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Keyed hash of tenant and conversation. Comes first in every key of the big tables and picks index group,
/// key shard and segment prefix.
package struct RouteKey: RawRepresentable, Hashable, Sendable, Comparable {
  package let rawValue: Int64
  package init(rawValue: Int64) { self.rawValue = rawValue }
  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// The index group (feed shard) this route belongs to, in `0..<groups`.
  package func group(of groups: Int) -> Int { Int(UInt64(bitPattern: rawValue) >> 32) % groups }
}

/// Keyed hash (128 bits) of tenant and external message id: what the house calls a message by.
package struct MessageKey: Hashable, Sendable, Comparable {
  package let high: Int64
  package let low: Int64

  package init(high: Int64, low: Int64) {
    self.high = high
    self.low = low
  }

  package static func < (left: Self, right: Self) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }
}

/// Where a message stands in its conversation: by time, then by the order it was stored in.
package struct MessagePosition: Hashable, Sendable, Comparable {
  package let createdAt: Timestamp
  package let sequence: Int64

  package init(createdAt: Timestamp, sequence: Int64) {
    self.createdAt = createdAt
    self.sequence = sequence
  }

  package static func < (left: Self, right: Self) -> Bool {
    (left.createdAt, left.sequence) < (right.createdAt, right.sequence)
  }
}

/// What a lane key is derived from: one author in one conversation in one period.
package struct LaneID: Hashable, Sendable {
  package let tenant: TenantID
  package let subject: SubjectID
  package let conversation: ConversationID
  package let retentionClass: Int16
  package let period: Period

  package init(
    tenant: TenantID, subject: SubjectID, conversation: ConversationID, retentionClass: Int16 = 0,
    period: Period
  ) {
    self.tenant = tenant
    self.subject = subject
    self.conversation = conversation
    self.retentionClass = retentionClass
    self.period = period
  }
}
