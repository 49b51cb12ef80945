/// Where a tile lies under a log's prefix (C2SP tlog-tiles): `tile/<level>/<index>[.p/<width>]`, or
/// `tile/entries/<index>[.p/<width>]`; the index in groups of three digits, all but the last led by `x`.
package struct TilePath: Hashable, Sendable {
  package static let widthMax = 256

  /// `nil`: a bundle of entries.
  package let level: Int?
  package let index: Int64
  package let width: Int

  package init(level: Int?, index: Int64, width: Int = TilePath.widthMax) {
    precondition((0...63).contains(level ?? 0) && index >= 0 && (1...Self.widthMax).contains(width))
    self.level = level
    self.index = index
    self.width = width
  }

  package var text: String {
    var groups: [String] = []
    var rest = index
    repeat {
      let digits = String(rest % 1_000)
      let padded = String(repeating: "0", count: 3 - digits.count) + digits
      groups.append(groups.isEmpty ? padded : "x" + padded)
      rest /= 1_000
    } while rest > 0
    let partial = width == Self.widthMax ? "" : ".p/\(width)"
    return "tile/\(level.map(String.init) ?? "entries")/\(groups.reversed().joined(separator: "/"))\(partial)"
  }

  /// `nil` for anything that is not exactly what ``text`` writes.
  package init?(parsing path: String) {
    var parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard (3...12).contains(parts.count), parts.removeFirst() == "tile" else { return nil }
    let kind = parts.removeFirst()
    let level = Int(kind)
    guard kind == "entries" || (0...63).contains(level ?? -1) else { return nil }
    var width = Self.widthMax
    if parts.count >= 2, parts[parts.count - 2].hasSuffix(".p") {
      guard let stated = Int(parts.removeLast()), (1..<Self.widthMax).contains(stated) else { return nil }
      width = stated
      parts[parts.count - 1].removeLast(2)
    }
    var index: Int64 = 0
    for part in parts {
      guard let group = Int64(part.hasPrefix("x") ? part.dropFirst() : part[...]), group >= 0,
        index < Int64.max / 1_000 - 1
      else { return nil }
      index = index * 1_000 + group
    }
    self.init(level: level, index: index, width: width)
    guard text == path else { return nil }
  }
}
