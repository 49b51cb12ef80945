import Glibc

/// An export stopped, or what was asked for is not there. What lies at the destination is nothing, or whole.
package struct ExportError: Error, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// Something lies at the destination already.
    case pathExists = "path_exists"
    case unknownSubject = "unknown_subject"
    case unknownConversation = "unknown_conversation"
    case unknownHold = "unknown_hold"
    /// Formats and selection do not go together.
    case badSelection = "bad_selection"
    /// More messages than a selection by query may gather.
    case tooMany = "too_many"
    case unknownExport = "unknown_export"
    /// Somebody inside is being erased; make the export again.
    case withdrawn
    /// The destination cannot be written or read.
    case destination
    /// Somebody stopped it.
    case cancelled
    /// Its run died, and nobody went on with it in time.
    case interrupted
    /// It is not in a state in which that can be done.
    case wrongState = "wrong_state"
    /// What an interrupted run left is not as it was.
    case draftDamaged = "draft_damaged"
    /// The hold a package was made for is in force.
    case held
    /// The package lies where the house cannot delete it.
    case beyondReach = "beyond_reach"
    /// As many packages, or bytes of them, as the tenant may have.
    case quota
    /// As many exports run as may at once.
    case busy
    case unknownLink = "unknown_link"
    /// Not a package, or not a whole one.
    case notAPackage = "not_a_package"
  }
  package let code: Code
  package let description: String
  package let isRetryable: Bool

  package init(_ code: Code, _ description: String, isRetryable: Bool = false) {
    self.code = code
    self.description = description
    self.isRetryable = isRetryable
  }

  /// From `errno`, which must not have been touched since the call.
  static func system(_ doing: String, _ path: String) -> ExportError {
    ExportError(.destination, "cannot \(doing) \(path): \(String(cString: strerror(errno)))")
  }
}
