import Ingestion

/// Cuts a stream of bytes into lines, bounded: a line over the limit is counted and dropped.
struct LineSplitter {
  private(set) var lines: [(number: Int64, bytes: [UInt8]?)] = []
  private(set) var bytesHeld = 0
  private var open: [UInt8] = []
  private var isTooLong = false
  private var number: Int64 = 0
  private let limit: Int

  init(limit: Int = EventDecoder.lineLimit) { self.limit = limit }

  mutating func feed(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      keep(rest[..<end])
      close()
      rest = rest[(end + 1)...]
    }
    keep(rest)
  }

  /// The last line may come without its line feed.
  mutating func finish() { if !open.isEmpty || isTooLong { close() } }

  /// The complete lines so far.
  mutating func take(_ count: Int) -> [(number: Int64, bytes: [UInt8]?)] {
    let taken = Array(lines.prefix(count))
    lines.removeFirst(taken.count)
    bytesHeld -= taken.reduce(0) { $0 + ($1.bytes?.count ?? 0) }
    return taken
  }

  private mutating func keep(_ bytes: ArraySlice<UInt8>) {
    guard !isTooLong else { return }
    guard open.count + bytes.count <= limit + 1 else {  // one more for a carriage return
      isTooLong = true
      open = []
      return
    }
    open += bytes
  }

  private mutating func close() {
    number += 1
    defer { (open, isTooLong) = ([], false) }
    if open.last == UInt8(ascii: "\r") { open.removeLast() }
    if isTooLong || open.count > limit {
      lines.append((number, nil))
    } else if !open.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) {
      lines.append((number, open))
      bytesHeld += open.count
    }
  }
}
