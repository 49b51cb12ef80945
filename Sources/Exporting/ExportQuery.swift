/// A query that narrows a selection, and how much of the talk around its hits goes along.
package struct ExportQuery: Sendable, Hashable, Codable {
  /// How much before and after a hit.
  package enum Context: Sendable, Hashable, CustomStringConvertible {
    case none
    case messages(Int)
    /// The hit's whole day, UTC.
    case day

    package static let messagesMax = 1_000

    /// A number of messages to each side, or `day`.
    package init?(_ text: String) {
      if text == "day" {
        self = .day
      } else if let number = Int(text), (0...Self.messagesMax).contains(number) {
        self = number == 0 ? .none : .messages(number)
      } else {
        return nil
      }
    }

    package var description: String {
      switch self {
      case .none: "0"
      case .messages(let number): String(number)
      case .day: "day"
      }
    }
  }

  /// As it was put, so that the package can be made again.
  package let text: String
  package let context: String
  package let threads: Bool
  /// Messages the query itself found, within the rest of the selection.
  package var hits = 0
  /// Messages that came with them.
  package var around = 0
  /// Whether the index could answer for all that was asked about, and all that surrounds its hits could be read.
  package var complete: Bool

  package init(text: String, context: Context, threads: Bool, complete: Bool) {
    self.text = text
    self.context = context.description
    self.threads = threads
    self.complete = complete
  }
}
