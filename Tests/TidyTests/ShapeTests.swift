import Testing

@Suite("Shape of the sources")
struct ShapeTests {
  struct Limit: Sendable, CustomStringConvertible {
    let folder: String
    let endings: [String]
    let linesMax: Int
    var description: String { "\(folder) \(endings) at most \(linesMax) lines" }
  }

  private static let columnsMax = 120
  private static let code = [".swift", ".cpp", ".hpp", ".h"]

  @Test(
    "files hold one noun",
    arguments: [
      Limit(folder: "Sources", endings: [".swift"], linesMax: 500),
      Limit(folder: "Sources", endings: [".cpp", ".hpp", ".h"], linesMax: 300),
      Limit(folder: "Tests", endings: [".swift"], linesMax: 800),
      Limit(folder: "Schemas/sql", endings: [".sql"], linesMax: 200),
    ])
  func filesAreShort(limit: Limit) throws {
    for file in try Repository.files(limit.folder, limit.endings) {
      #expect(file.lines.count <= limit.linesMax, "\(file) has \(file.lines.count) lines")
    }
  }

  @Test("lines fit a screen, but for text that cannot be broken", arguments: ["Sources", "Tests"])
  func linesAreShort(folder: String) throws {
    for file in try Repository.files(folder, Self.code) {
      var isText = false
      for (number, line) in zip(1..., file.lines) {
        if line.hasSuffix("\"\"\"") || line.drop(while: { $0 == " " }).hasPrefix("\"\"\"") { isText.toggle() }
        guard line.utf8.count > Self.columnsMax, !isText, !line.utf8.contains(UInt8(ascii: "\"")) else {
          continue
        }
        #expect(line.count <= Self.columnsMax, "\(file):\(number)")
      }
    }
  }

  @Test("nothing is left to do later", arguments: ["Sources", "Tests", "Jobs", "Schemas"])
  func nothingIsLeft(folder: String) throws {
    // Written apart, as this file is read too.
    let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
    for file in try Repository.files(
      folder, Self.code + [".py", ".sql", ".json", ".yaml", ".md", "test", "quickstart"])
    {
      for mark in marks where !file.places(of: mark).isEmpty {
        // Part of a longer word, such as the X's of a temporary name, is something else.
        let words = file.text.split { !$0.isLetter && !$0.isNumber }
        #expect(!words.contains(Substring(mark)), "\(file) has \(mark)")
      }
    }
  }

  @Test("the product neither forces nor gives up")
  func nothingIsForced() throws {
    for file in try Repository.sources.get() {
      for ban in ["fatalError(", "try! ", " as! ", "@preconcurrency import", "print(error"] {
        let places = file.places(of: ban)
        #expect(places.isEmpty, "\(file):\(places): \(ban)")
      }
    }
  }

  @Test("no path of somebody's own machine", arguments: ["Sources", "Tests", "Jobs", "Schemas"])
  func noMachinePaths(folder: String) throws {
    let folders = ["Users", "work", "opt", "root", "workspace"].map { "/" + $0 + "/" }
    for file in try Repository.files(
      folder,
      Self.code + [".py", ".sql", ".json", ".yaml", ".md", ".sh", "test", "quickstart", ".service", ".timer"])
    {
      for path in folders { #expect(file.places(of: path).isEmpty, "\(file) names \(path)") }
    }
  }

  @Test("names say what a thing is")
  func namesAreNouns() throws {
    let banned = ["Manager", "Helper", "Util", "Utils", "Impl", "Common", "Base"]
    for file in try Repository.sources.get() {
      let stem = file.name.split(separator: ".")[0]
      for ban in banned { #expect(!stem.hasSuffix(ban), "\(file)") }
    }
  }
}
