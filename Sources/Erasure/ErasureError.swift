/// An erasure that cannot go on. `description` is safe to show to whoever may run erasures.
package struct ErasureError: Error, CustomStringConvertible {
  package enum Code: String, Sendable {
    case unknownErasure = "unknown_erasure"
    case wrongState = "wrong_state"
    case held = "held"
    case samePerson = "same_person"
    case residue = "residue_found"
    case notCompleted = "not_completed"
  }
  package let code: Code
  package let description: String
  /// Ids of the holds in the way, where the caller may know them.
  package var holds: [String] = []

  package init(_ code: Code, _ description: String, holds: [String] = []) {
    self.code = code
    self.description = description
    self.holds = holds
  }
}
