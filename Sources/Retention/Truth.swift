/// Whether something holds, where it may not be known.
enum Truth: Int, Comparable, Sendable {
  case no, unknown, yes

  init(_ known: Bool) { self = known ? .yes : .no }

  static func < (left: Truth, right: Truth) -> Bool { left.rawValue < right.rawValue }

  /// No as soon as one is no, whatever is not known.
  static func all(_ parts: some Sequence<Truth>) -> Truth { parts.min() ?? .yes }

  /// Yes as soon as one is yes.
  static func any(_ parts: some Sequence<Truth>) -> Truth { parts.max() ?? .no }

  var negated: Truth {
    switch self {
    case .no: .yes
    case .unknown: .unknown
    case .yes: .no
    }
  }
}
