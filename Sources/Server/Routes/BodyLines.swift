import Ingestion

/// The lines of a body that have arrived and were not taken yet; a line over the limit is counted and dropped.
struct BodyLines {
  private(set) var lines: [LineSplitter.Line] = []
  private(set) var bytesHeld = 0
  private var splitter: LineSplitter

  init(limit: Int = EventDecoder.lineLimit) { splitter = LineSplitter(limit: limit) }

  mutating func feed(_ bytes: [UInt8]) {
    splitter.append(bytes)
    while let line = splitter.next() { keep(line) }
  }

  /// The last line may come without its line feed.
  mutating func finish() { if let line = splitter.last() { keep(line) } }

  mutating func take(_ count: Int) -> [LineSplitter.Line] {
    let taken = Array(lines.prefix(count))
    lines.removeFirst(taken.count)
    bytesHeld -= taken.reduce(0) { $0 + ($1.bytes?.count ?? 0) }
    return taken
  }

  private mutating func keep(_ line: LineSplitter.Line) {
    lines.append(line)
    bytesHeld += line.bytes?.count ?? 0
  }
}
