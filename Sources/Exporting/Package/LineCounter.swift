/// Counts lines, and those that begin with a prefix, in bytes that arrive in pieces.
struct LineCounter {
  private let prefix: [UInt8]
  private(set) var lines = 0
  private(set) var matching = 0
  /// How much of the prefix the current line has had; `nil` once it differs.
  private var matched: Int? = 0

  init(prefix: [UInt8]) { self.prefix = prefix }

  mutating func count(_ bytes: [UInt8]) {
    for byte in bytes {
      if byte == 0x0A {
        lines += 1
        matched = 0
      } else if let at = matched {
        matched = prefix[at] == byte ? at + 1 : nil
        if matched == prefix.count {
          matching += 1
          matched = nil
        }
      }
    }
  }
}

/// Counts created messages by conversation in lines of events that arrive in pieces. Conversations are told by their
/// ids as they are spelt: a package spells an id one way.
struct ConversationCounter {
  private static let created = Array(#"{"type":"message.created","#.utf8)
  /// Within a string, the first quotation mark of this would be led by a backslash, and the last one too.
  private static let member = Array(#","conversation_id":""#.utf8)
  /// Of a line, where the conversation is named.
  private static let headMax = 4_096

  private(set) var counts: [[UInt8]: Int] = [:]
  private var head: [UInt8] = []

  mutating func count(_ bytes: [UInt8]) {
    var start = 0
    bytes.withUnsafeBufferPointer { buffer in
      while start < buffer.count {
        let end = buffer[start...].firstIndex(of: 0x0A) ?? buffer.count
        if head.count < Self.headMax { head += buffer[start..<min(end, start + Self.headMax - head.count)] }
        if end < buffer.count {
          endLine()
          head.removeAll(keepingCapacity: true)
        }
        start = end + 1
      }
    }
  }

  private mutating func endLine() {
    guard head.starts(with: Self.created) else { return }
    let member = Self.member
    var at = Self.created.count - 1
    while at + member.count <= head.count {
      if head[at] == 0x2C, head[at..<at + member.count].elementsEqual(member) {
        let start = at + member.count
        return counts[Self.string(head[start...]), default: 0] += 1
      }
      at += 1
    }
  }

  /// Up to the quotation mark that ends it.
  static func string(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var isEscaped = false
    for index in bytes.indices {
      if bytes[index] == 0x22, !isEscaped { return Array(bytes[..<index]) }
      isEscaped = bytes[index] == 0x5C && !isEscaped
    }
    return Array(bytes)
  }
}
