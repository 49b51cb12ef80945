/// The image of a document that has none: a page that says so and bears the document's number, as productions of
/// natives have them. A TIFF 6.0 baseline bilevel image, PackBits-compressed.
enum SlipSheet {
  /// US letter at 100 dots an inch.
  private static let (width, height, dpi) = (848, 1_100, 100)
  private static let scale = 3

  static func tiff(_ number: String) -> [UInt8] {
    var rows = [[UInt8]](repeating: [UInt8](repeating: 0, count: width / 8), count: height)
    draw("DOCUMENT PRODUCED IN NATIVE FORMAT", y: 500, &rows)
    draw(number, y: 1_040, &rows)
    return file(rows.flatMap(packBits))
  }

  private static func draw(_ text: String, y: Int, _ rows: inout [[UInt8]]) {
    let letters = text.utf8.prefix(width / (6 * scale))
    var x = (width - letters.count * 6 * scale) / 2
    for letter in letters {
      for (column, bits) in (glyphs[letter] ?? []).enumerated() {
        for row in 0..<7 where bits >> row & 1 == 1 {
          fill(x: x + column * scale, y: y + row * scale, &rows)
        }
      }
      x += 6 * scale
    }
  }

  private static func fill(x: Int, y: Int, _ rows: inout [[UInt8]]) {
    for row in y..<y + scale {
      for column in x..<x + scale { rows[row][column / 8] |= 0x80 >> UInt8(column % 8) }
    }
  }

  /// TIFF 6.0, section 9: runs only as long as a row is.
  private static func packBits(_ row: [UInt8]) -> [UInt8] {
    var packed: [UInt8] = []
    var index = 0
    while index < row.count {
      var run = 1
      while index + run < row.count, run < 128, row[index + run] == row[index] { run += 1 }
      if run > 1 {
        packed += [UInt8(truncatingIfNeeded: 257 - run), row[index]]
      } else {
        packed += [0, row[index]]
      }
      index += run
    }
    return packed
  }

  private static func file(_ strip: [UInt8]) -> [UInt8] {
    let entries: [(tag: UInt16, type: UInt16, value: UInt32)] = [
      (256, 4, UInt32(width)), (257, 4, UInt32(height)), (258, 3, 1), (259, 3, 32_773), (262, 3, 0),
      (273, 4, 8 + 16), (277, 3, 1), (278, 4, UInt32(height)), (279, 4, UInt32(strip.count)), (282, 5, 8),
      (283, 5, 8), (296, 3, 2),
    ]
    // Header, the resolution twice over as 16 bytes, the strip, the directory.
    var bytes: [UInt8] = [0x49, 0x49, 42, 0] + little(UInt32(24 + strip.count + strip.count % 2))
    bytes += little(UInt32(dpi)) + little(1) + little(UInt32(dpi)) + little(1)
    bytes += strip + [UInt8](repeating: 0, count: strip.count % 2)
    bytes += little(UInt32(entries.count)).prefix(2)
    for entry in entries {
      bytes += little(UInt32(entry.tag)).prefix(2) + little(UInt32(entry.type)).prefix(2) + little(1)
      bytes += little(entry.value)
    }
    return bytes + little(0)
  }

  private static func little(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// Five columns a letter, the top row in the lowest bit.
  private static let glyphs: [UInt8: [UInt8]] = Dictionary(
    uniqueKeysWithValues: zip(
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-".utf8,
      [
        [0x3E, 0x51, 0x49, 0x45, 0x3E], [0x00, 0x42, 0x7F, 0x40, 0x00], [0x42, 0x61, 0x51, 0x49, 0x46],
        [0x21, 0x41, 0x45, 0x4B, 0x31], [0x18, 0x14, 0x12, 0x7F, 0x10], [0x27, 0x45, 0x45, 0x45, 0x39],
        [0x3C, 0x4A, 0x49, 0x49, 0x30], [0x01, 0x71, 0x09, 0x05, 0x03], [0x36, 0x49, 0x49, 0x49, 0x36],
        [0x06, 0x49, 0x49, 0x29, 0x1E], [0x7E, 0x11, 0x11, 0x11, 0x7E], [0x7F, 0x49, 0x49, 0x49, 0x36],
        [0x3E, 0x41, 0x41, 0x41, 0x22], [0x7F, 0x41, 0x41, 0x22, 0x1C], [0x7F, 0x49, 0x49, 0x49, 0x41],
        [0x7F, 0x09, 0x09, 0x09, 0x01], [0x3E, 0x41, 0x49, 0x49, 0x7A], [0x7F, 0x08, 0x08, 0x08, 0x7F],
        [0x00, 0x41, 0x7F, 0x41, 0x00], [0x20, 0x40, 0x41, 0x3F, 0x01], [0x7F, 0x08, 0x14, 0x22, 0x41],
        [0x7F, 0x40, 0x40, 0x40, 0x40], [0x7F, 0x02, 0x0C, 0x02, 0x7F], [0x7F, 0x04, 0x08, 0x10, 0x7F],
        [0x3E, 0x41, 0x41, 0x41, 0x3E], [0x7F, 0x09, 0x09, 0x09, 0x06], [0x3E, 0x41, 0x51, 0x21, 0x5E],
        [0x7F, 0x09, 0x19, 0x29, 0x46], [0x46, 0x49, 0x49, 0x49, 0x31], [0x01, 0x01, 0x7F, 0x01, 0x01],
        [0x3F, 0x40, 0x40, 0x40, 0x3F], [0x1F, 0x20, 0x40, 0x20, 0x1F], [0x3F, 0x40, 0x38, 0x40, 0x3F],
        [0x63, 0x14, 0x08, 0x14, 0x63], [0x07, 0x08, 0x70, 0x08, 0x07], [0x61, 0x51, 0x49, 0x45, 0x43],
        [0x08, 0x08, 0x08, 0x08, 0x08],
      ] as [[UInt8]]))
}
