import Model

/// Messages of one conversation and one day in UTC, at most as many as a slice may have: the unit in which
/// reviewers read chat.
struct DaySlice {
  /// RSMF advises at most 10 000 events a file; a message has one, and some reserve is for joins and leaves.
  static let messagesMax = 8_000
  /// Of text and ciphertext in memory, roughly.
  static let bytesMax = 32 << 20

  /// Days since 1970-01-01.
  let day: Int64
  /// Counts the slices of the same day, from 1.
  let part: Int
  private(set) var messages: [ExportedMessage] = []
  private var bytes = 0

  init(day: Int64, part: Int = 1) {
    self.day = day
    self.part = part
  }

  static func day(of time: Timestamp) -> Int64 {
    let length: Int64 = 86_400_000_000
    let day = time.microseconds / length
    return time.microseconds % length < 0 ? day - 1 : day
  }

  var start: Timestamp { Timestamp(microseconds: day * 86_400_000_000) }
  var end: Timestamp { start.adding(seconds: 86_400) }
  /// `2026-01-31`.
  var date: String { String(start.rfc3339.prefix(10)) }
  /// `2026-01-31`, and `2026-01-31-2` for the second slice of that day.
  var name: String { part == 1 ? date : "\(date)-\(part)" }

  private var isFull: Bool { messages.count >= Self.messagesMax || bytes >= Self.bytesMax }

  mutating func append(_ message: ExportedMessage) {
    messages.append(message)
    for version in message.versions {
      switch version.body {
      case .plain(let text): bytes += text.utf8.count
      case .sealed(let sealed): bytes += sealed.ciphertext.count
      }
    }
  }

  /// The slice a message belongs to when this is the open one; `nil` if to this one.
  func next(for message: ExportedMessage) -> DaySlice? {
    let day = Self.day(of: message.sentAt)
    if day != self.day { return DaySlice(day: day) }
    return isFull ? DaySlice(day: day, part: part + 1) : nil
  }
}

/// Collects messages into slices and hands each on when it is whole.
struct DaySlicer {
  private var open: DaySlice?

  /// - Returns: the slice that ended before this message.
  mutating func add(_ message: ExportedMessage) -> DaySlice? {
    var ended: DaySlice?
    if let slice = open, let next = slice.next(for: message) {
      ended = slice
      open = next
    }
    if open == nil { open = DaySlice(day: DaySlice.day(of: message.sentAt)) }
    open?.append(message)
    return ended
  }

  mutating func end() -> DaySlice? {
    defer { open = nil }
    return open
  }
}
