import Model
import Sodium

/// A payload taken apart, so that what is alike in many messages lies together and what does not compress lies apart.
/// The parts are slices of it: nothing is copied.
struct PayloadParts {
  typealias Bytes = ArraySlice<UInt8>

  enum Body {
    case plain(Bytes)
    /// Text that is base64, as the bytes it stands for.
    case encoded([UInt8])
    case sealed(SealedParts)
  }

  var id: Bytes = []
  var body: Body = .plain([])
  var contentType: Bytes = Self.text[...]
  var reply: Bytes?
  var thread: Bytes?
  var client: Bytes?
  /// The fields after these, as the payload has them; of a payload that stays whole, the payload.
  var rest: Bytes = []
  var isWhole = false
  /// While a block is read: the number of the message it replies to, from 1; 0 for one that is gone.
  var replied: Int?

  static let text = Array("text/plain".utf8)
  /// Shorter words may well be base64 by chance.
  private static let encodedBytesMin = 64

  init() {}

  /// Any bytes: what this form would not give back bit for bit stays whole.
  init(payload: [UInt8]) {
    do throws(MalformedBytes) {
      try self.init(fieldsOf: payload)
    } catch {
      self.init()
      (rest, isWhole) = (payload[...], true)
    }
  }

  /// Fields in this order, each length as short as it can be: only that comes back as it was.
  private init(fieldsOf payload: [UInt8]) throws(MalformedBytes) {
    var fields = PayloadFields(payload)
    guard fields.take(1), fields.take(1) else { throw MalformedBytes("payload") }
    id = try fields.blob()
    if fields.take(2) {
      body = try Self.body(try fields.blob())
    } else if fields.take(3) {
      let value = Array(try fields.blob())
      guard try SealedBody(bytes: value).bytes == value else { throw MalformedBytes("payload") }
      body = .sealed(try SealedParts(bytes: value))
    } else {
      throw MalformedBytes("payload")
    }
    guard fields.take(4) else { throw MalformedBytes("payload") }
    contentType = try fields.blob()
    // One byte stands for a frequent type where types are stored.
    guard contentType.count != 1 else { throw MalformedBytes("payload") }
    reply = fields.take(5) ? try fields.blob() : nil
    thread = fields.take(6) ? try fields.blob() : nil
    client = fields.take(7) ? try fields.blob() : nil
    rest = fields.rest
  }

  private static func body(_ text: Bytes) throws(MalformedBytes) -> Body {
    if text.count >= encodedBytesMin, text.count.isMultiple(of: 4), !text.contains(0x20) {
      let string = String(decoding: text, as: UTF8.self)
      if let bytes = [UInt8](base64: string), bytes.base64() == string { return .encoded(bytes) }
    }
    // A zero byte ends a body in its column.
    guard !text.contains(0) else { throw MalformedBytes("payload") }
    return .plain(text)
  }

  var payload: [UInt8] {
    guard !isWhole else { return Array(rest) }
    var writer = ByteWriter(reservingCapacity: capacity)
    writer.byte(1)
    writer.field(1, id)
    switch body {
    case .plain(let text): writer.field(2, text)
    case .encoded(let bytes): writer.field(2, Array(bytes.base64().utf8)[...])
    case .sealed(let sealed): writer.field(3, sealed.bytes[...])
    }
    writer.field(4, contentType)
    if let reply { writer.field(5, reply) }
    if let thread { writer.field(6, thread) }
    if let client { writer.field(7, client) }
    writer.raw(rest)
    return writer.bytes
  }

  /// Room for the payload, a little more than it takes.
  private var capacity: Int {
    let size: Int
    switch body {
    case .plain(let text): size = text.count
    case .encoded(let bytes): size = bytes.count * 4 / 3
    case .sealed(let sealed): size = sealed.ciphertext.count
    }
    let ids = id.count + (reply?.count ?? 0) + (thread?.count ?? 0) + (client?.count ?? 0)
    return size + ids + contentType.count + rest.count + 32
  }
}

extension ByteWriter {
  fileprivate mutating func field(_ tag: UInt8, _ value: PayloadParts.Bytes) {
    byte(tag)
    varint(value.count)
    raw(value)
  }
}

/// Reads the fields of a payload without copying them.
private struct PayloadFields {
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var rest: PayloadParts.Bytes { bytes[offset...] }

  mutating func take(_ tag: UInt8) -> Bool {
    guard offset < bytes.count, bytes[offset] == tag else { return false }
    offset += 1
    return true
  }

  mutating func blob() throws(MalformedBytes) -> PayloadParts.Bytes {
    var count = 0
    var shift = 0
    while true {
      guard offset < bytes.count, shift < 35 else { throw MalformedBytes("payload") }
      let byte = bytes[offset]
      offset += 1
      count |= Int(byte & 0x7F) << shift
      if byte & 0x80 == 0 {
        guard byte != 0 || shift == 0 else { throw MalformedBytes("payload") }
        break
      }
      shift += 7
    }
    guard count <= bytes.count - offset else { throw MalformedBytes("payload") }
    offset += count
    return bytes[offset - count..<offset]
  }
}
