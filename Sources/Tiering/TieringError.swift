/// Tiering stopped. Nothing is lost by it: hot rows stay until their sealed copies are verified and switched in.
package struct TieringError: Error, CustomStringConvertible {
  package enum Code: String, Sendable {
    case verificationFailed = "verification_failed"
    case hotChanged = "hot_changed"
    case unknownSegment = "unknown_segment"
    case keyMissing = "key_missing"
    case noReplica = "no_replica"
    /// The database does not know what this home has archived.
    case catalogueOlder = "catalogue_older"
    /// Keys that were destroyed may be in the database again.
    case keysRestored = "keys_restored"
  }
  package let code: Code
  package let description: String

  package init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
