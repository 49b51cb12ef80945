import Model
import Sodium

/// Ids in as few bytes as they hold: random ones as the bytes they stand for, counted ones as differences. A column has
/// one form; where an id does not come back from it letter for letter, all of them stay text.
enum IDColumn {
  enum Form: UInt8 {
    case text = 0
    /// Lower case with hyphens.
    case uuid
    /// The same, all of one version and of the usual variant: these six bits of each are not kept.
    case uuidOfVersion
    /// Lower-case hexadecimal, all of one length.
    case hexadecimal
    /// URL-safe and unpadded, all of one length, after a common prefix that is not of its letters.
    case base64
    /// A common prefix, then a number without zeros in front.
    case counter
  }

  private static let uuidSize = 16
  private static let hyphens = [8, 13, 18, 23]

  /// - Parameter text: what is compressed later; holds the ids that stay text.
  static func write(_ ids: [[UInt8]], to columns: inout ByteWriter, text: inout ByteWriter) {
    guard !ids.isEmpty else { return }
    if let bytes = all(ids, uuid) {
      write(uuids: bytes, to: &columns)
    } else if let bytes = all(ids, hexadecimal), let first = bytes.first,
      first.count >= 4, bytes.allSatisfy({ $0.count == first.count })
    {
      columns.byte(Form.hexadecimal.rawValue)
      columns.varint(first.count)
      for id in bytes { columns.raw(id) }
    } else if let numbers = counted(ids) {
      columns.byte(Form.counter.rawValue)
      columns.blob(numbers.prefix)
      var last: Int64 = 0
      for number in numbers.numbers {
        columns.signed(number &- last)
        last = number
      }
    } else if let encoded = base64(ids) {
      columns.byte(Form.base64.rawValue)
      columns.blob(encoded.prefix)
      columns.varint(encoded.bytes[0].count)
      for id in encoded.bytes { columns.raw(id) }
    } else {
      columns.byte(Form.text.rawValue)
      for id in ids { text.blob(id) }
    }
  }

  /// The ids, or `nil` where they are text: ``readText(_:from:)`` has them then.
  static func read(_ count: Int, from columns: inout ByteReader) throws(MalformedBytes) -> [[UInt8]]? {
    guard count > 0 else { return [] }
    guard let form = Form(rawValue: try columns.byte()) else { throw MalformedBytes("form of ids") }
    var ids: [[UInt8]] = []
    ids.reserveCapacity(count)
    switch form {
    case .text: return nil
    case .uuid:
      for _ in 0..<count { ids.append(uuidText(try columns.raw(uuidSize))) }
    case .uuidOfVersion:
      for bytes in try uuidsOfVersion(count, &columns) { ids.append(uuidText(bytes)) }
    case .hexadecimal:
      let size = try columns.count(limit: columns.remaining)
      for _ in 0..<count { ids.append(Array(try columns.raw(size).hex.utf8)) }
    case .base64:
      let prefix = try columns.blob()
      let size = try columns.count(limit: columns.remaining)
      for _ in 0..<count { ids.append(prefix + Array(try columns.raw(size).base64(.urlSafe).utf8)) }
    case .counter:
      let prefix = try columns.blob()
      var number: Int64 = 0
      for _ in 0..<count {
        number &+= try columns.signed()
        guard number >= 0 else { throw MalformedBytes("counted id") }
        ids.append(prefix + Array(String(number).utf8))
      }
    }
    return ids
  }

  static func readText(_ count: Int, from text: inout ByteReader) throws(MalformedBytes) -> [[UInt8]] {
    var ids: [[UInt8]] = []
    for _ in 0..<count { ids.append(try text.blob()) }
    return ids
  }

  private static func all(_ ids: [[UInt8]], _ form: ([UInt8]) -> [UInt8]?) -> [[UInt8]]? {
    var bytes: [[UInt8]] = []
    bytes.reserveCapacity(ids.count)
    for id in ids {
      guard let id = form(id) else { return nil }
      bytes.append(id)
    }
    return bytes
  }
}

// UUIDs.
extension IDColumn {
  private static func uuid(_ text: [UInt8]) -> [UInt8]? {
    guard text.count == 36, hyphens.allSatisfy({ text[$0] == UInt8(ascii: "-") }) else { return nil }
    return hexadecimal(text[..<8] + text[9..<13] + text[14..<18] + text[19..<23] + text[24...])
  }

  private static func uuidText(_ bytes: [UInt8]) -> [UInt8] {
    var text = Array(bytes.hex.utf8)
    for place in hyphens { text.insert(UInt8(ascii: "-"), at: place) }
    return text
  }

  private static func write(uuids: [[UInt8]], to columns: inout ByteWriter) {
    let version = uuids[0][6] >> 4
    guard uuids.allSatisfy({ $0[6] >> 4 == version && $0[8] >> 6 == 2 }) else {
      columns.byte(Form.uuid.rawValue)
      for id in uuids { columns.raw(id) }
      return
    }
    columns.byte(Form.uuidOfVersion.rawValue)
    columns.byte(version)
    for id in uuids {
      columns.raw(id[..<6])
      columns.byte(id[7])
      columns.raw(id[9...])
    }
    var bits: UInt64 = 0
    var count: UInt64 = 0
    for id in uuids {
      bits |= (UInt64(id[6] & 0x0F) << 6 | UInt64(id[8] & 0x3F)) << count
      count += 10
      while count >= 8 {
        columns.byte(UInt8(truncatingIfNeeded: bits))
        bits >>= 8
        count -= 8
      }
    }
    if count > 0 { columns.byte(UInt8(truncatingIfNeeded: bits)) }
  }

  private static func uuidsOfVersion(_ number: Int, _ columns: inout ByteReader) throws(MalformedBytes)
    -> [[UInt8]]
  {
    let version = try columns.byte()
    guard version < 16 else { throw MalformedBytes("version of ids") }
    var whole: [[UInt8]] = []
    for _ in 0..<number { whole.append(try columns.raw(14)) }
    var bits: UInt64 = 0
    var count: UInt64 = 0
    var ids: [[UInt8]] = []
    for bytes in whole {
      while count < 10 {
        bits |= UInt64(try columns.byte()) << count
        count += 8
      }
      let seventh = version << 4 | UInt8(truncatingIfNeeded: bits >> 6 & 0x0F)
      let ninth = 0x80 | UInt8(truncatingIfNeeded: bits & 0x3F)
      ids.append(bytes[..<6] + [seventh, bytes[6], ninth] + bytes[7...])
      bits >>= 10
      count -= 10
    }
    guard bits == 0 else { throw MalformedBytes("bits after ids") }
    return ids
  }
}

// Other forms.
extension IDColumn {
  /// Bytes of lower-case digits.
  private static func hexadecimal(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard text.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    var high: UInt8?
    for character in text {
      let digit: UInt8
      switch character {
      case 0x30...0x39: digit = character - 0x30
      case 0x61...0x66: digit = character - 0x57
      default: return nil
      }
      if let first = high {
        bytes.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    return bytes
  }

  private static func hexadecimal(_ text: [UInt8]) -> [UInt8]? { hexadecimal(text[...]) }

  /// Numbers of up to 18 digits, which an Int64 holds.
  private static func counted(_ ids: [[UInt8]]) -> (prefix: [UInt8], numbers: [Int64])? {
    func digits(_ id: [UInt8]) -> ArraySlice<UInt8> {
      let start = id.lastIndex { !(0x30...0x39).contains($0) }.map { $0 + 1 } ?? 0
      return id[start...]
    }
    let prefix = ids[0].dropLast(digits(ids[0]).count)
    var numbers: [Int64] = []
    for id in ids {
      let number = digits(id)
      guard (1...18).contains(number.count), number.first != 0x30 || number.count == 1,
        id.dropLast(number.count) == prefix
      else { return nil }
      numbers.append(number.reduce(0) { $0 * 10 + Int64($1 - 0x30) })
    }
    return (Array(prefix), numbers)
  }

  private static func base64(_ ids: [[UInt8]]) -> (prefix: [UInt8], bytes: [[UInt8]])? {
    let prefix = ids[0].prefix { !isBase64($0) }
    var bytes: [[UInt8]] = []
    for id in ids {
      guard id.count == ids[0].count, id.count - prefix.count >= 16, id.starts(with: prefix),
        id[prefix.count...].allSatisfy(isBase64)
      else { return nil }
      let text = String(decoding: id[prefix.count...], as: UTF8.self)
      guard let decoded = [UInt8](base64: text, .urlSafe), decoded.base64(.urlSafe) == text else {
        return nil
      }
      bytes.append(decoded)
    }
    return (Array(prefix), bytes)
  }

  private static func isBase64(_ character: UInt8) -> Bool {
    switch character {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
    default: false
    }
  }
}
