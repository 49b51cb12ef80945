/// What a token lets its bearer do (CONTRACT §4).
package enum Role: String, Sendable, CaseIterable, Codable {
  /// A service that delivers events.
  case ingest
  /// Sees its own history only; `sub` is the subject.
  case member
  /// Cases, holds, exports; every look is audited.
  case compliance
  /// Erasure.
  case dpo
  /// The second person.
  case approver
  /// Reads the audit log.
  case auditor
  /// Jobs and health; no content.
  case operator_ = "operator"
  /// Policies.
  case admin
}

/// Who is asking, as their token says.
package struct Principal: Sendable, Hashable {
  /// The platform's subject id, or the name of a service or an operator.
  package let subject: String
  /// The tenant's name; `nil` only for roles that belong to the installation.
  package let tenant: String?
  package let roles: Set<Role>

  package init(subject: String, tenant: String?, roles: Set<Role>) {
    self.subject = subject
    self.tenant = tenant
    self.roles = roles
  }

  /// Whether ids of holds may be told.
  var knowsHolds: Bool { roles.contains(.compliance) || roles.contains(.dpo) }
}
