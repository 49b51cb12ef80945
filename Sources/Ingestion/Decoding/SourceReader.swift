/// A line of a source, without its end.
package struct SourceLine: Hashable, Sendable {
  /// The file it stands in; `-` for standard input.
  package let source: String
  /// From 1.
  package let number: Int64
  /// `nil`: longer than a line may be.
  package let bytes: [UInt8]?
}

/// Reads the lines of files, of directories with all below them, or of standard input (`-`), one after
/// another; gzip and zstd are opened by their first bytes, whatever the name. Blocks, so it belongs on a
/// thread of its own.
///
/// A file that fails is left behind: `next()` throws once, naming it and the line, and then goes on with the
/// next.
package struct SourceReader: ~Copyable {
  private var files: ArraySlice<SourceFile>
  private var current: SourceBytes?
  private var path = ""
  private var lines: LineSplitter
  private let limit: Int
  /// Size of all files as they lie, compressed or not; `nil` where it cannot be known.
  package let bytesTotal: Int64?
  /// Bytes read so far, in the measure of ``bytesTotal``.
  package private(set) var bytesRead: Int64 = 0

  package init(_ source: String, lineLimit: Int = EventDecoder.lineLimit) throws(SourceError) {
    try self.init([source], lineLimit: lineLimit)
  }

  package init(_ sources: [String], lineLimit: Int = EventDecoder.lineLimit) throws(SourceError) {
    var files: [SourceFile] = []
    for source in sources { files += try SourceFile.list(source) }
    self.files = files[...]
    limit = lineLimit
    lines = LineSplitter(limit: lineLimit)
    bytesTotal = files.reduce(0) { sum, file in sum.flatMap { sum in file.bytes.map { sum + $0 } } }
  }

  /// The next line that is not empty, or `nil` after the last of the last file.
  package mutating func next() throws(SourceError) -> SourceLine? {
    while true {
      if let line = lines.next() { return SourceLine(source: path, number: line.number, bytes: line.bytes) }
      if current == nil {
        guard try openNext() else { return nil }
      }
      guard try !fill() else { continue }
      let rest = lines.last()
      leave()
      if let rest { return SourceLine(source: path, number: rest.number, bytes: rest.bytes) }
    }
  }

  private mutating func openNext() throws(SourceError) -> Bool {
    guard let file = files.popFirst() else { return false }
    path = file.path
    current = try SourceBytes(file)
    return true
  }

  /// Reads on; `false` at the end of the file. A file that fails is left, and its unfinished line with it.
  private mutating func fill() throws(SourceError) -> Bool {
    do {
      guard let pieces = try current?.next(line: lines.number + 1, &bytesRead) else { return false }
      for piece in pieces { lines.append(piece) }
      return true
    } catch {
      leave()
      throw error
    }
  }

  private mutating func leave() {
    current = nil
    lines = LineSplitter(limit: limit)
  }
}
