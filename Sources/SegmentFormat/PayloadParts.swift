import Model
import Sodium

/// A payload taken apart, so that what is alike in many messages lies together and what does not compress lies apart.
struct PayloadParts {
  enum Body: Equatable {
    case plain([UInt8])
    /// Text that is base64, as the bytes it stands for.
    case encoded([UInt8])
    case sealed(SealedBody)
  }

  var id: [UInt8] = []
  var body: Body = .plain([])
  var contentType: [UInt8] = Self.text
  var reply: [UInt8]?
  var thread: [UInt8]?
  var client: [UInt8]?
  /// The fields after these, as the payload has them; of a payload that stays whole, the payload.
  var rest: [UInt8] = []
  var isWhole = false

  static let text = Array("text/plain".utf8)
  /// Shorter words may well be base64 by chance.
  private static let encodedBytesMin = 64

  init() {}

  /// Any bytes: what this form would not give back bit for bit stays whole.
  init(payload: [UInt8]) {
    do throws(MalformedBytes) {
      try self.init(fieldsOf: payload)
      if self.payload == payload { return }
    } catch {}
    self.init()
    (rest, isWhole) = (payload, true)
  }

  private init(fieldsOf payload: [UInt8]) throws(MalformedBytes) {
    var reader = ByteReader(payload)
    guard try reader.byte() == 1, try reader.byte() == 1 else { throw MalformedBytes("payload") }
    id = try reader.blob()
    let tag = try reader.byte()
    let value = try reader.blob()
    switch tag {
    case 2: body = try Self.body(value)
    case 3: body = .sealed(try SealedBody(bytes: value))
    default: throw MalformedBytes("payload")
    }
    guard try reader.byte() == 4 else { throw MalformedBytes("payload") }
    contentType = try reader.blob()
    // One byte stands for a frequent type where types are stored.
    guard contentType.count != 1 else { throw MalformedBytes("payload") }
    func optional(_ tag: UInt8) throws(MalformedBytes) -> [UInt8]? {
      guard !reader.atEnd, payload[reader.offset] == tag else { return nil }
      _ = try reader.byte()
      return try reader.blob()
    }
    reply = try optional(5)
    thread = try optional(6)
    client = try optional(7)
    rest = try reader.raw(reader.remaining)
  }

  private static func body(_ text: [UInt8]) throws(MalformedBytes) -> Body {
    if text.count >= encodedBytesMin, text.count.isMultiple(of: 4), !text.contains(0x20) {
      let string = String(decoding: text, as: UTF8.self)
      if let bytes = [UInt8](base64: string), bytes.base64() == string { return .encoded(bytes) }
    }
    // A zero byte ends a body in its column.
    guard !text.contains(0) else { throw MalformedBytes("payload") }
    return .plain(text)
  }

  var payload: [UInt8] {
    guard !isWhole else { return rest }
    var writer = ByteWriter(reservingCapacity: rest.count + 256)
    writer.raw([1, 1])
    writer.blob(id)
    switch body {
    case .plain(let text):
      writer.byte(2)
      writer.blob(text)
    case .encoded(let bytes):
      writer.byte(2)
      writer.blob(Array(bytes.base64().utf8))
    case .sealed(let sealed):
      writer.byte(3)
      writer.blob(sealed.bytes)
    }
    for (tag, value) in [(4, contentType), (5, reply), (6, thread), (7, client)] as [(UInt8, [UInt8]?)] {
      guard let value else { continue }
      writer.byte(tag)
      writer.blob(value)
    }
    writer.raw(rest)
    return writer.bytes
  }
}

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
  let contentType: [UInt8]

  func has(_ bit: UInt8) -> Bool { bits & bit != 0 }

  /// Stored as one byte, their place from 1; frozen with the format, so none is ever added.
  private static let frequentTypes = ["text/markdown", "text/html", "application/json"].map { Array($0.utf8) }

  /// The content type as the table of shapes has it.
  var storedType: [UInt8] {
    Self.frequentTypes.firstIndex(of: contentType).map { [UInt8($0 + 1)] } ?? contentType
  }

  static func type(stored: [UInt8]) throws(MalformedBytes) -> [UInt8] {
    guard stored.count == 1 else { return stored }
    guard (1...frequentTypes.count).contains(Int(stored[0])) else { throw MalformedBytes("content type") }
    return frequentTypes[Int(stored[0]) - 1]
  }

  var isText: Bool { bits & (Self.sealed | Self.encoded | Self.whole) == 0 }

  init(bits: UInt8, contentType: [UInt8]) throws(MalformedBytes) {
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
    if contentType != PayloadParts.text { bits |= Self.contentType }
    self.bits = bits
  }
}
