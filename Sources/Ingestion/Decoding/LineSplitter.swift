internal import Glibc

/// Cuts pieces of bytes into lines: ends of `\n` or `\r\n`, a byte order mark before the first dropped, lines
/// of nothing but spaces and tabs counted but not given.
package struct LineSplitter {
  package let limit: Int
  /// Lines begun so far, which is the number of the line given last.
  package private(set) var number: Int64 = 0
  private var buffer: [UInt8] = []
  private var start = 0
  /// No line end lies before this.
  private var searched = 0
  /// Inside a line that was already given as too long.
  private var skipping = false

  package init(limit: Int) { self.limit = limit }

  /// `nil` bytes: longer than the limit, its line end not counted.
  package typealias Line = (number: Int64, bytes: [UInt8]?)

  package mutating func append(_ piece: [UInt8]) {
    if start > 0 {
      buffer.removeSubrange(..<start)
      searched -= start
      start = 0
    }
    buffer += piece
  }

  /// The next line whose end, or excess, has been seen.
  package mutating func next() -> Line? {
    while let end = lineEnd() {
      let line = start..<end
      start = end + 1
      searched = start
      if skipping {
        skipping = false
      } else if let line = take(line) {
        return line
      }
    }
    searched = buffer.count
    return overlong()
  }

  /// What follows the last line end, once the input has ended.
  package mutating func last() -> Line? {
    let line = start..<buffer.count
    start = buffer.count
    searched = start
    return skipping || line.isEmpty ? nil : take(line)
  }

  /// Drops what is there of a line that is too long without a doubt: by more than a `\r`.
  private mutating func overlong() -> Line? {
    let excess = buffer.count - start > limit + 1 + Self.mark.count
    guard skipping || excess else { return nil }
    buffer.removeAll(keepingCapacity: true)
    (start, searched) = (0, 0)
    guard !skipping else { return nil }
    skipping = true
    number += 1
    return (number, nil)
  }

  private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

  private mutating func take(_ range: Range<Int>) -> Line? {
    number += 1
    var range = range
    if number == 1, buffer[range].starts(with: Self.mark) {
      range = (range.lowerBound + Self.mark.count)..<range.upperBound
    }
    if let last = buffer[range].last, last == 0x0D { range = range.lowerBound..<(range.upperBound - 1) }
    guard buffer[range].contains(where: { $0 != 0x20 && $0 != 0x09 }) else { return nil }
    return (number, range.count > limit ? nil : Array(buffer[range]))
  }

  /// The place of the next `\n`. memchr is three times as fast as a loop here.
  private func lineEnd() -> Int? {
    guard searched < buffer.count else { return nil }
    return buffer.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) -> Int? in
      let rest = UnsafeRawBufferPointer(rebasing: bytes[searched...])
      guard let base = rest.baseAddress, let found = memchr(base, 0x0A, rest.count) else { return nil }
      return searched + (UnsafeRawPointer(found) - base)
    }
  }
}
