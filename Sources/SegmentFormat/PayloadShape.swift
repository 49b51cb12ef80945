import Model

/// Which columns a message has something in; messages of a lane mostly share one or two.
struct PayloadShape: Hashable {
  static let sealed: UInt8 = 1
  static let encoded: UInt8 = 2
  static let reply: UInt8 = 4
  static let thread: UInt8 = 8
  static let client: UInt8 = 16
  static let rest: UInt8 = 32
  static let contentType: UInt8 = 64
  static let whole: UInt8 = 128

  /// Plain text and nothing else.
  static let plain = PayloadShape(PayloadParts())

  let bits: UInt8
  let contentType: PayloadParts.Bytes

  func has(_ bit: UInt8) -> Bool { bits & bit != 0 }

  /// Stored as one byte, their place from 1; frozen with the format, so none is ever added.
  private static let frequentTypes = ["text/markdown", "text/html", "application/json"].map {
    Array($0.utf8)[...]
  }

  /// The content type as the table of shapes has it.
  var storedType: PayloadParts.Bytes {
    Self.frequentTypes.firstIndex(of: contentType).map { [UInt8($0 + 1)] } ?? contentType
  }

  static func type(stored: PayloadParts.Bytes) throws(MalformedBytes) -> PayloadParts.Bytes {
    guard stored.count == 1, let first = stored.first else { return stored }
    guard (1...frequentTypes.count).contains(Int(first)) else { throw MalformedBytes("content type") }
    return frequentTypes[Int(first) - 1]
  }

  var isText: Bool { bits & (Self.sealed | Self.encoded | Self.whole) == 0 }

  init(bits: UInt8, contentType: PayloadParts.Bytes) throws(MalformedBytes) {
    guard bits & Self.whole == 0 || bits == Self.whole, bits & 3 != 3 else { throw MalformedBytes("shape") }
    (self.bits, self.contentType) = (bits, contentType)
  }

  init(_ parts: PayloadParts) {
    contentType = parts.contentType
    guard !parts.isWhole else {
      bits = Self.whole
      return
    }
    var bits: UInt8 = 0
    switch parts.body {
    case .plain: break
    case .encoded: bits |= Self.encoded
    case .sealed: bits |= Self.sealed
    }
    if parts.reply != nil { bits |= Self.reply }
    if parts.thread != nil { bits |= Self.thread }
    if parts.client != nil { bits |= Self.client }
    if !parts.rest.isEmpty { bits |= Self.rest }
    if !contentType.elementsEqual(PayloadParts.text) { bits |= Self.contentType }
    self.bits = bits
  }
}
