/// The generations that make up a group, by name, as the file CURRENT lists them: the hot one, which is written to,
/// then those that are written to no more.
struct GenerationList: Hashable, Sendable {
  var hot: String
  var older: [String] = []

  static let olderMax = 64

  var names: [String] { [hot] + older }

  init(hot: String, older: [String] = []) {
    self.hot = hot
    self.older = older
  }

  /// - Returns: `nil` unless every line names a generation.
  init?(text: String) {
    guard text.hasSuffix("\n") else { return nil }
    let lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)
    guard let first = lines.first, lines.count <= Self.olderMax + 1, Set(lines).count == lines.count,
      lines.allSatisfy({ Self.number($0) != nil })
    else { return nil }
    hot = String(first)
    older = lines.dropFirst().map(String.init)
  }

  var text: String { names.map { "\($0)\n" }.joined() }

  /// With one generation in the place of others; `nil` if some of these are not there any more.
  func replacing(_ sources: [String], by name: String?) -> GenerationList? {
    guard Set(sources).isSubset(of: older) else { return nil }
    var list = self
    list.older.removeAll { sources.contains($0) }
    if let name { list.older.insert(name, at: 0) }
    return list
  }

  /// What is named `generation-` and a number, the number.
  static func number(_ name: some StringProtocol) -> Int? {
    guard name.hasPrefix("generation-") else { return nil }
    let digits = name.dropFirst("generation-".count)
    guard !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
    return Int(digits)
  }
}
