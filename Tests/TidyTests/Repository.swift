import Foundation

/// The files of this checkout, as text. Tests here read and run nothing.
enum Repository {
  struct File: Sendable, CustomStringConvertible {
    /// From the top of the checkout.
    let path: String
    let text: String

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }
    /// `Catalog` of `Sources/Catalog/Feed.swift`.
    var target: String { String(path.split(separator: "/")[1]) }
    var description: String { path }
  }

  // Tests/TidyTests/Repository.swift, with links resolved, as a checkout may be built through one.
  static let root: URL = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Text files below a folder whose names end in one of these, in the order of their paths. Links to folders are
  /// not followed.
  static func files(_ folder: String, _ endings: [String]) throws -> [File] {
    let base = root.appending(path: folder)
    return try FileManager.default.subpathsOfDirectory(atPath: base.path)
      .filter { path in endings.contains { path.hasSuffix($0) } }
      .sorted()
      .map { path in
        let text = try String(contentsOf: base.appending(path: path), encoding: .utf8)
        return File(path: "\(folder)/\(path)", text: text)
      }
  }

  /// All of Sources/*.swift, read once.
  static let sources = Result { try files("Sources", [".swift"]) }

  static func file(_ path: String) throws -> File {
    File(path: path, text: try String(contentsOf: root.appending(path: path), encoding: .utf8))
  }

  static func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path).sorted()
  }
}

extension Repository.File {
  /// Modules that a Swift file imports, without what it says about access.
  var imports: [String] {
    lines.compactMap { line -> String? in
      let words = line.split(separator: " ")
      guard let at = words.firstIndex(of: "import"), at + 1 < words.count,
        words[..<at].allSatisfy({ Self.modifiers.contains(String($0)) || $0.hasPrefix("@") })
      else { return nil }
      let name = words[(at + 1)...].first(where: { !Self.kinds.contains(String($0)) }) ?? ""
      return name.split(separator: ".").first.map(String.init)
    }
  }

  private static let modifiers: Set = ["package", "public", "private", "fileprivate", "internal"]
  private static let kinds: Set = ["struct", "class", "enum", "func", "protocol", "typealias", "var", "let"]

  /// Numbers of the lines of code, not of comment, that hold a text.
  func places(of needle: String) -> [Int] {
    // The whole file at once: most hold none, and unoptimised code is slow line by line.
    guard text.range(of: needle, options: .literal) != nil else { return [] }
    return zip(1..., lines).compactMap { number, line in
      let isComment = line.drop { $0 == " " }.hasPrefix("//")
      return !isComment && line.range(of: needle, options: .literal) != nil ? number : nil
    }
  }
}
