package import Model

/// What keeps an object from being deleted by anyone, its owner included (S3 Object Lock).
package struct SegmentLock: Hashable, Sendable {
  package enum Mode: String, Sendable, CaseIterable {
    /// Lifted by who has the special permission to.
    case governance
    /// Lifted by nobody before its time.
    case compliance
  }
  package var mode: Mode?
  package var until: Timestamp?
  /// Keeps the object until it is lifted, whatever `until` says.
  package var legalHold: Bool

  package init(mode: Mode? = nil, until: Timestamp? = nil, legalHold: Bool = false) {
    self.mode = mode
    self.until = until
    self.legalHold = legalHold
  }
}

/// A store whose objects can be locked.
package protocol LockingSegmentStore: SegmentStore {
  func lock(of name: String) async throws -> SegmentLock
  /// Locks an object that is there, or prolongs its lock. A compliance lock is never shortened.
  func lock(_ name: String, _ mode: SegmentLock.Mode, until: Timestamp) async throws
  func setLegalHold(_ isOn: Bool, on name: String) async throws
}

/// What a store can do and cannot, found by trying.
package struct SegmentStoreReport: Hashable, Sendable {
  /// `file` or `s3`.
  package var kind: String
  /// The server itself refuses to write over an object, so that of two writers one wins.
  package var refusesOverwriting: Bool
  /// Deleted objects live on as versions, which have to be deleted each.
  package var keepsVersions: Bool
  package var canLock: Bool
  /// What is wanted and missing, each with the next step.
  package var problems: [String]

  package init(
    kind: String, refusesOverwriting: Bool, keepsVersions: Bool, canLock: Bool, problems: [String] = []
  ) {
    self.kind = kind
    self.refusesOverwriting = refusesOverwriting
    self.keepsVersions = keepsVersions
    self.canLock = canLock
    self.problems = problems
  }
}
