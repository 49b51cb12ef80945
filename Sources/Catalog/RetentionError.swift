/// Retention or holds could not do what was asked. `description` is safe to show to whoever asked: of ids it
/// repeats only those that the caller gave.
package struct RetentionError: Error, Hashable, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// The policy document is not valid; the description names policy and key.
    case invalidDocument = "invalid_document"
    /// A locked policy would be removed, loosened or shortened. Nothing was changed.
    case lockedPolicy = "locked_policy"
    case unknownPolicies = "unknown_policies"
    /// A change of policies that somebody approved or rejected already, or that needed no approval.
    case policiesDecided = "policies_decided"
    /// Others changed the policies at the same time, again and again. Nothing was changed.
    case policiesBusy = "policies_busy"
    case invalidApproval = "invalid_approval"
    case unknownConversation = "unknown_conversation"
    case unknownSubject = "unknown_subject"
    /// Never stored, or gone.
    case unknownMessage = "unknown_message"
    case invalidLabel = "invalid_label"
    case invalidEvent = "invalid_event"
    /// The subject was erased, or is being erased; no rule can name them any more.
    case erasedSubject = "erased_subject"
    case unknownHold = "unknown_hold"
    case alreadyReleased = "already_released"
    case invalidHold = "invalid_hold"
    case unknownReview = "unknown_review"
    case invalidReview = "invalid_review"
    /// Nothing is left to decide or to approve.
    case reviewDone = "review_done"
    case samePerson = "same_person"
    /// A stored document cannot be read: the database was changed from outside.
    case damagedPolicies = "damaged_policies"
  }

  package let code: Code
  package let description: String

  package init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }

  package var isRetryable: Bool { code == .policiesBusy }

  /// Refused by a rule rather than failed: exit code 4.
  package var isRefusal: Bool { code == .lockedPolicy || code == .samePerson }
}
