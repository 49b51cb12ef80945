package import Model

/// Which generation of a conversation's keys blinds a message.
package enum TokenGenerations: Sendable, Hashable {
  case always(UInt32)
  /// A new one every so many days of message time, counted from 1970-01-01: a client needs to remember nothing to come
  /// to the same one again.
  case rotating(days: Int64)

  package static let daysMax: Int64 = 3_650

  package func generation(at time: Timestamp) -> UInt32 {
    switch self {
    case .always(let generation): generation
    case .rotating(let days):
      UInt32(clamping: max(0, time.microseconds) / (days * 86_400_000_000) + 1)
    }
  }
}
