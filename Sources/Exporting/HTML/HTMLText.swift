/// Builds HTML: what comes from people passes through ``text(_:)``, and nothing else does.
struct HTMLText {
  private(set) var bytes: [UInt8] = []

  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// Our own markup, as it is.
  mutating func raw(_ markup: String) { bytes.append(contentsOf: markup.utf8) }

  /// Safe as content and in quoted attributes. Control characters, which HTML forbids, become the pictures of
  /// themselves (U+2400…) or U+FFFD.
  mutating func text(_ text: String) {
    var text = text
    text.withUTF8 { (utf8: UnsafeBufferPointer<UInt8>) in
      var start = 0
      var index = 0
      while index < utf8.count {
        let width = Self.escapedWidth(utf8, index)
        guard width > 0 else {
          index += 1
          continue
        }
        bytes.append(contentsOf: utf8[start..<index])
        escape(utf8[index])
        index += width
        start = index
      }
      bytes.append(contentsOf: utf8[start...])
    }
  }

  /// A relative reference to a file: everything but unreserved characters (RFC 3986 §2.3) and slashes is
  /// percent-encoded.
  mutating func reference(_ path: String) {
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "/"):
        bytes.append(byte)
      default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
  }

  /// How many bytes from `index` on must be replaced; 0 for none.
  private static func escapedWidth(_ utf8: UnsafeBufferPointer<UInt8>, _ index: Int) -> Int {
    let byte = utf8[index]
    switch byte {
    case 0x09, 0x0A, 0x0D: return 0
    case 0..<0x20, 0x7F, 0x22, 0x26, 0x27, 0x3C, 0x3E: return 1
    // U+0080–009F are C2 80 … C2 9F.
    case 0xC2: return index + 1 < utf8.count && utf8[index + 1] < 0xA0 ? 2 : 0
    default: return 0
    }
  }

  private mutating func escape(_ byte: UInt8) {
    switch byte {
    case 0x22: raw("&quot;")
    case 0x26: raw("&amp;")
    case 0x27: raw("&#39;")
    case 0x3C: raw("&lt;")
    case 0x3E: raw("&gt;")
    case 0x7F: bytes += [0xE2, 0x90, 0xA1]
    case 0xC2: bytes += [0xEF, 0xBF, 0xBD]
    default: bytes += [0xE2, 0x90, 0x80 + byte]
    }
  }
}
