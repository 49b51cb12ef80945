import Foundation
import Sodium

extension Manifest.File {
  /// As a line of `files.jsonl`; the path first, so that lines are in the order of their paths.
  var line: [UInt8] {
    var json = JSONWriter(reservingCapacity: 256)
    json.object { json in
      json.member("path", path)
      json.member("bytes", Int64(bytes))
      json.member("sha256", sha256)
      json.member("messages", Int64(messages))
      json.member("lines", Int64(lines))
    }
    json.endLine()
    return json.bytes
  }
}

/// Lines of a list of files, one at a time.
struct FileLines {
  private static let lineBytesMax = 1 << 16
  private let pieces: () throws -> [UInt8]
  private var reader = LineReader()
  private var ready: ArraySlice<[UInt8]> = []
  private var isOver = false

  /// - Parameter pieces: an empty one is the end.
  init(_ pieces: @escaping () throws -> [UInt8]) { self.pieces = pieces }

  /// Of the beginning of a file. Blocks, as all of it does.
  init(path: String, bytes: Int) throws(ExportError) {
    guard let file = FileHandle(forReadingAtPath: path) else { throw ExportError.system("open", path) }
    var left = bytes
    self.init {
      let piece = Array(try file.read(upToCount: min(left, 1 << 16)) ?? Data())
      left -= piece.count
      return piece
    }
  }

  /// The next line, without its end; `nil` after the last one.
  /// - Throws: ``ExportError`` `.notAPackage` for what has no lines.
  mutating func next() throws -> [UInt8]? {
    var unread = 0
    while ready.isEmpty, !isOver {
      let piece = try pieces()
      isOver = piece.isEmpty
      ready = try (isOver ? reader.finish().map { [$0] } ?? [] : reader.add(piece))[...]
      unread += piece.count
      guard !ready.isEmpty || unread <= Self.lineBytesMax + (1 << 20) else {
        throw ExportError(.notAPackage, "a list of files has no lines")
      }
    }
    return ready.popFirst()
  }

  mutating func nextFile() throws -> Manifest.File? {
    guard let line = try next() else { return nil }
    guard let file = try? JSONDecoder().decode(Manifest.File.self, from: Data(line)) else {
      throw ExportError(.notAPackage, "a list of files has a line that is none")
    }
    return file
  }

  /// Names have nothing that comes before the quotation mark at a path's end (``SafeName``): lines are in the order of
  /// their paths' bytes.
  static func precedes(_ line: [UInt8], _ other: [UInt8]) -> Bool {
    line.lexicographicallyPrecedes(other)
  }
}

/// Sorts the lines of a list that is too long for the memory: sorted stretches of it are written beside it and merged.
/// All of it blocks.
struct FileSort {
  /// Lines in memory at once.
  var linesHeld = 50_000
  /// Stretches are `PATH.1` and so on.
  let path: String

  /// Hands on every line, its end included, in order.
  func run(_ lines: FileLines, _ take: ([UInt8]) throws -> Void) throws {
    var runs = 0
    defer { for number in stride(from: 1, through: runs, by: 1) { try? Paths.remove("\(path).\(number)") } }
    var lines = lines
    while let stretch = try self.stretch(&lines) {
      runs += 1
      try write(stretch, to: "\(path).\(runs)")
    }
    try merge(runs, take)
  }

  private func stretch(_ lines: inout FileLines) throws -> [[UInt8]]? {
    var held: [[UInt8]] = []
    while held.count < linesHeld, let line = try lines.next() { held.append(line) }
    return held.isEmpty ? nil : held.sorted(by: FileLines.precedes)
  }

  private func write(_ lines: [[UInt8]], to path: String) throws {
    try Paths.remove(path)
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw ExportError.system("create", path) }
    defer { close(file) }
    var pending: [UInt8] = []
    for line in lines {
      pending += line
      pending.append(0x0A)
      guard pending.count >= 1 << 18 else { continue }
      try PackageFile.write(pending, to: file, path)
      pending.removeAll(keepingCapacity: true)
    }
    try PackageFile.write(pending, to: file, path)
  }

  private func merge(_ runs: Int, _ take: ([UInt8]) throws -> Void) throws {
    var sources: [FileLines] = []
    // The next line of each, the first of all at the end.
    var heads: [(line: [UInt8], source: Int)] = []
    for number in stride(from: 1, through: runs, by: 1) {
      let path = "\(path).\(number)"
      sources.append(try FileLines(path: path, bytes: Int(try Paths.size(path))))
      if let line = try sources[number - 1].next() { Self.insert((line, number - 1), in: &heads) }
    }
    while let first = heads.popLast() {
      try take(first.line + [0x0A])
      if let line = try sources[first.source].next() { Self.insert((line, first.source), in: &heads) }
    }
  }

  private static func insert(_ head: ([UInt8], Int), in heads: inout [(line: [UInt8], source: Int)]) {
    var (low, high) = (0, heads.count)
    while low < high {
      let middle = (low + high) / 2
      if FileLines.precedes(head.0, heads[middle].line) { low = middle + 1 } else { high = middle }
    }
    heads.insert(head, at: low)
  }
}
