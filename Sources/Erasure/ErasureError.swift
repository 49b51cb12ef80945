/// An erasure that cannot go on. `description` is safe to show to whoever may run erasures.
package struct ErasureError: Error, CustomStringConvertible {
  package enum Code: String, Sendable {
    case unknownErasure = "unknown_erasure"
    /// What is to be erased is not named as it has to be.
    case badTarget = "bad_target"
    /// What is to be erased is not known here.
    case unknownTarget = "unknown_target"
    case wrongState = "wrong_state"
    case samePerson = "same_person"
    /// Something came in between; the same again may succeed.
    case busy = "busy"
    case residue = "residue_found"
    case notCompleted = "not_completed"
    /// The ledger outside the database cannot be read or written.
    case ledger = "ledger_unusable"
  }
  package let code: Code
  package let description: String

  package init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
