/// How many bytes of a segment each column takes; together they are the whole object.
package struct ColumnCosts: Sendable, Hashable {
  package enum Column: String, Sendable, CaseIterable {
    /// The header, the lengths of lane tables, and what says in which form a lane's columns are.
    case header
    /// Who speaks in a block.
    case tables
    case times, sequences
    /// Message keys that do not follow from message ids.
    case keys
    /// Message ids that are not text, and those that messages refer to.
    case ids
    /// Sealed bodies, wrapped keys, base64 undone: never compressed.
    case ciphertext
    /// Bodies, search tokens, attachments and the rest, compressed.
    case text
    /// What authenticates lanes and lane tables.
    case tags
    /// Footer and trailer.
    case footer
  }

  package private(set) var bytes: [Column: Int64] = [:]
  /// Bytes of the column `text` before compression.
  package private(set) var textBytes: Int64 = 0

  package init() {}

  /// What compression left of the text.
  package var textShare: Double { Double(bytes[.text] ?? 0) / Double(max(textBytes, 1)) }

  package var total: Int64 { bytes.values.reduce(0, +) }

  mutating func add(_ count: Int, to column: Column) { bytes[column, default: 0] += Int64(count) }

  mutating func addText(_ count: Int) { textBytes += Int64(count) }

  mutating func add(_ other: ColumnCosts) {
    bytes.merge(other.bytes, uniquingKeysWith: +)
    textBytes += other.textBytes
  }

  /// As a row of a catalogue: each column in order, then the bytes of text before compression.
  package var row: [Int64] { Column.allCases.map { bytes[$0] ?? 0 } + [textBytes] }

  /// `nil` for a row of another form.
  package init?(row: [Int64]) {
    guard row.count == Column.allCases.count + 1, let last = row.last else { return nil }
    bytes = Dictionary(uniqueKeysWithValues: zip(Column.allCases, row))
    textBytes = last
  }
}
