/// The files that a manifest names, as they are met in a package. Those of a list are met in its order, which is that
/// of a package as it was made; a package that somebody put together in another order has to be unpacked first.
struct ExpectedFiles {
  private var known: [String: Manifest.File] = [:]
  private var list: FileLines?
  /// The next one of the list.
  private var next: Manifest.File?
  private var missing: [String] = []
  /// By format: every one has a folder, or one file, of its own, with all messages in it.
  private var counts: [Substring: Int] = [:]
  /// Of the file whose lines are counted, if there is one.
  private var counted: Int?
  /// Whether the list has one twice, or is no list.
  private(set) var isMalformed = false

  init(_ manifest: Manifest, _ contents: any PackageContents) throws {
    for file in manifest.files {
      if known.updateValue(file, forKey: file.path) != nil { isMalformed = true }
      count(file)
    }
    guard let file = manifest.fileList else { return }
    known[file.path] = file
    list = try contents.pieces(of: file.path).map { FileLines($0) }
    try advance()
  }

  var messages: Int { counted ?? counts.values.max() ?? 0 }

  private mutating func count(_ file: Manifest.File) {
    counts[file.path.prefix { $0 != "/" }, default: 0] += file.messages
    if counted == nil, PackageVerifier.linesFiles.contains(file.path) { counted = file.messages }
  }

  private mutating func advance() throws {
    let last = next
    do {
      next = try list?.nextFile()
    } catch let error as ExportError where error.code == .notAPackage {
      (next, list, isMalformed) = (nil, nil, true)
    }
    guard let file = next else { return }
    if let last, !Paths.precedes(last.path, file.path) { isMalformed = true }
    count(file)
  }

  /// What is said of a file that was met; `nil` if nothing is.
  mutating func take(_ path: String) throws -> Manifest.File? {
    if let file = known.removeValue(forKey: path) { return file }
    while let file = next, Paths.precedes(file.path, path) {
      missing.append(file.path)
      try advance()
    }
    guard let file = next, file.path == path else { return nil }
    try advance()
    return file
  }

  /// Those that were not met.
  mutating func rest() throws -> [String] {
    while let file = next {
      missing.append(file.path)
      try advance()
    }
    return missing + known.keys.sorted()
  }
}
