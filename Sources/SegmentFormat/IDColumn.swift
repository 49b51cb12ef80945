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

  typealias Bytes = PayloadParts.Bytes

  private static let uuidSize = 16

  /// - Parameter text: what is compressed later; holds the ids that stay text.
  static func write(_ ids: [Bytes], to columns: inout ByteWriter, text: inout ByteWriter) {
    guard !ids.isEmpty else { return }
    if let bytes = uuids(ids) {
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
      for id in ids {
        text.varint(id.count)
        text.raw(id)
      }
    }
  }

  /// The ids, or `nil` where they are text: ``readText(_:from:)`` has them then.
  static func read(_ count: Int, from columns: inout ByteReader) throws(MalformedBytes) -> [Bytes]? {
    guard count > 0 else { return [] }
    guard let form = Form(rawValue: try columns.byte()) else { throw MalformedBytes("form of ids") }
    var ids: [Bytes] = []
    ids.reserveCapacity(count)
    switch form {
    case .text: return nil
    case .uuid: return uuidTexts(try columns.raw(uuidSize * count))
    case .uuidOfVersion: return uuidTexts(try uuidsOfVersion(count, &columns))
    case .hexadecimal:
      let size = try columns.count(limit: columns.remaining)
      for _ in 0..<count { ids.append(Array(try columns.raw(size).hex.utf8)[...]) }
    case .base64:
      let prefix = try prefix(count, &columns)
      let size = try columns.count(limit: columns.remaining)
      for _ in 0..<count { ids.append((prefix + Array(try columns.raw(size).base64(.urlSafe).utf8))[...]) }
    case .counter:
      let prefix = try prefix(count, &columns)
      var number: Int64 = 0
      for _ in 0..<count {
        number &+= try columns.signed()
        guard number >= 0 else { throw MalformedBytes("counted id") }
        ids.append((prefix + Array(String(number).utf8))[...])
      }
    }
    return ids
  }

  /// Of as many ids as payloads may hold.
  private static func prefix(_ count: Int, _ columns: inout ByteReader) throws(MalformedBytes) -> [UInt8] {
    let prefix = try columns.blob()
    guard prefix.count * count <= BlockEntry.payloadBytesMax else { throw MalformedBytes("prefix of ids") }
    return prefix
  }

  static func readText(_ count: Int, from text: inout ByteReader) throws(MalformedBytes) -> [Bytes] {
    var ids: [Bytes] = []
    for _ in 0..<count { ids.append(try text.blob()[...]) }
    return ids
  }

  private static func all(_ ids: [Bytes], _ form: (Bytes) -> [UInt8]?) -> [[UInt8]]? {
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
  /// All of them one behind the other, 16 bytes each; `nil` if one is not a UUID in lower case with hyphens.
  private static func uuids(_ ids: [Bytes]) -> [UInt8]? {
    guard ids[0].count == 36 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(ids.count * uuidSize)
    for id in ids where !append(uuid: id, to: &bytes) { return nil }
    return bytes
  }

  private static func append(uuid id: Bytes, to bytes: inout [UInt8]) -> Bool {
    guard id.count == 36 else { return false }
    var index = id.startIndex
    for place in 0..<uuidSize {
      if isHyphenBefore(place) {
        guard id[index] == UInt8(ascii: "-") else { return false }
        index += 1
      }
      let (high, low) = (digit(id[index]), digit(id[index + 1]))
      guard high | low < 16 else { return false }
      bytes.append(high << 4 | low)
      index += 2
    }
    return true
  }

  /// 255 for what is no lower-case digit.
  private static func digit(_ character: UInt8) -> UInt8 {
    switch character {
    case 0x30...0x39: character - 0x30
    case 0x61...0x66: character - 0x57
    default: 255
    }
  }

  private static func isHyphenBefore(_ place: Int) -> Bool { place >= 4 && place <= 10 && place % 2 == 0 }

  /// The texts of UUIDs, 16 bytes each.
  private static func uuidTexts(_ bytes: [UInt8]) -> [Bytes] {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count / uuidSize * 36)
    for index in bytes.indices {
      if isHyphenBefore(index % uuidSize) { text.append(UInt8(ascii: "-")) }
      for digit in [bytes[index] >> 4, bytes[index] & 15] {
        text.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
      }
    }
    return stride(from: 0, to: text.count, by: 36).map { text[$0..<$0 + 36] }
  }

  private static func write(uuids: [UInt8], to columns: inout ByteWriter) {
    let version = uuids[6] >> 4
    let starts = stride(from: 0, to: uuids.count, by: uuidSize)
    guard starts.allSatisfy({ uuids[$0 + 6] >> 4 == version && uuids[$0 + 8] >> 6 == 2 }) else {
      columns.byte(Form.uuid.rawValue)
      columns.raw(uuids)
      return
    }
    columns.byte(Form.uuidOfVersion.rawValue)
    columns.byte(version)
    var bits = BitWriter()
    for start in starts {
      columns.raw(uuids[start..<start + 6])
      columns.byte(uuids[start + 7])
      columns.raw(uuids[start + 9..<start + uuidSize])
      bits.write(UInt64(uuids[start + 6] & 0x0F) << 6 | UInt64(uuids[start + 8] & 0x3F), bits: 10)
    }
    columns.raw(bits.finish())
  }

  private static func uuidsOfVersion(_ count: Int, _ columns: inout ByteReader) throws(MalformedBytes)
    -> [UInt8]
  {
    let version = try columns.byte()
    guard version < 16 else { throw MalformedBytes("version of ids") }
    let parts = try columns.raw(14 * count)
    let packed = try columns.raw((count * 10 + 7) / 8)
    var bits = BitReader(packed, from: 0)
    var ids: [UInt8] = []
    ids.reserveCapacity(count * uuidSize)
    for start in stride(from: 0, to: parts.count, by: 14) {
      let middle = try bits.read(10)
      ids.append(contentsOf: parts[start..<start + 6])
      ids.append(version << 4 | UInt8(truncatingIfNeeded: middle >> 6))
      ids.append(parts[start + 6])
      ids.append(0x80 | UInt8(truncatingIfNeeded: middle & 0x3F))
      ids.append(contentsOf: parts[start + 7..<start + 14])
    }
    _ = try bits.finish()
    return ids
  }
}

// Other forms.
extension IDColumn {
  /// Bytes of lower-case digits.
  private static func hexadecimal(_ text: Bytes) -> [UInt8]? {
    guard text.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    var high: UInt8?
    for character in text {
      let digit = digit(character)
      guard digit < 16 else { return nil }
      if let first = high {
        bytes.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    return bytes
  }

  /// Numbers of up to 18 digits, which an Int64 holds.
  private static func counted(_ ids: [Bytes]) -> (prefix: [UInt8], numbers: [Int64])? {
    func digits(_ id: Bytes) -> Bytes {
      let start = id.lastIndex { !(0x30...0x39).contains($0) }.map { $0 + 1 } ?? id.startIndex
      return id[start...]
    }
    let prefix = ids[0].dropLast(digits(ids[0]).count)
    var numbers: [Int64] = []
    for id in ids {
      let number = digits(id)
      guard (1...18).contains(number.count), number.first != 0x30 || number.count == 1,
        id.dropLast(number.count).elementsEqual(prefix)
      else { return nil }
      numbers.append(number.reduce(0) { $0 * 10 + Int64($1 - 0x30) })
    }
    return (Array(prefix), numbers)
  }

  private static func base64(_ ids: [Bytes]) -> (prefix: [UInt8], bytes: [[UInt8]])? {
    let prefix = ids[0].prefix { !isBase64($0) }
    var bytes: [[UInt8]] = []
    for id in ids {
      guard id.count == ids[0].count, id.count - prefix.count >= 16, id.starts(with: prefix),
        id.dropFirst(prefix.count).allSatisfy(isBase64)
      else { return nil }
      let text = String(decoding: id.dropFirst(prefix.count), as: UTF8.self)
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
