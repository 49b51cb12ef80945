import Model

/// The payloads of a lane while it is read: first what lies in its columns, then what lies in its text.
struct LanePayloads {
  private let shapes: [PayloadShape]
  /// What messages reply to, where that is told by a number.
  private let replies: [Int?]
  private var parts: [PayloadParts]
  /// Columns of ids that turned out to be text, to be read there.
  private var inText: [Column] = []
  private var envelopes: [Envelope] = []

  private typealias Shape = PayloadShape

  private enum Column: CaseIterable {
    case id, reply, thread, client

    func isIn(_ shape: PayloadShape, _ replied: Int?) -> Bool {
      switch self {
      case .id: !shape.has(PayloadShape.whole)
      case .reply: shape.has(PayloadShape.reply) && replied == nil
      case .thread: shape.has(PayloadShape.thread)
      case .client: shape.has(PayloadShape.client)
      }
    }
  }

  /// A sealed body without its texts.
  private struct Envelope {
    let message: Int
    let ciphertext: [UInt8]
    let hasKeyID: Bool
    let wrappedKeys: [[UInt8]]
  }

  init(_ shapes: [PayloadShape], _ replies: [Int?], _ columns: inout ByteReader) throws(MalformedBytes) {
    self.shapes = shapes
    self.replies = replies
    parts = zip(shapes, replies).map { shape, replied in
      var parts = PayloadParts()
      parts.replied = replied
      parts.contentType = shape.contentType
      parts.isWhole = shape.has(Shape.whole)
      return parts
    }
    for column in Column.allCases {
      let count = zip(shapes, replies).count(where: column.isIn)
      if let ids = try IDColumn.read(count, from: &columns) {
        fill(column, ids)
      } else {
        inText.append(column)
      }
    }
    for (index, shape) in shapes.enumerated() {
      if shape.has(Shape.encoded) { parts[index].body = .encoded(try columns.blob()) }
      if shape.has(Shape.sealed) { envelopes.append(try Self.envelope(index, &columns)) }
    }
  }

  private static func envelope(_ message: Int, _ columns: inout ByteReader) throws(MalformedBytes) -> Envelope
  {
    let ciphertext = try columns.blob()
    let number = try columns.count(limit: columns.remaining * 2 + 1)
    var keys: [[UInt8]] = []
    for _ in 0..<number / 2 { keys.append(try columns.blob()) }
    return Envelope(message: message, ciphertext: ciphertext, hasKeyID: number % 2 == 1, wrappedKeys: keys)
  }

  private mutating func fill(_ column: Column, _ ids: [PayloadParts.Bytes]) {
    var next = ids.makeIterator()
    for (index, shape) in shapes.enumerated() where column.isIn(shape, replies[index]) {
      let id = next.next()
      switch column {
      case .id: parts[index].id = id ?? []
      case .reply: parts[index].reply = id
      case .thread: parts[index].thread = id
      case .client: parts[index].client = id
      }
    }
  }

  /// All there is, with the lane's text, which must end where they do.
  mutating func parts(_ lines: ByteReader) throws(MalformedBytes) -> [PayloadParts] {
    var text = lines
    for column in inText {
      fill(column, try IDColumn.readText(zip(shapes, replies).count(where: column.isIn), from: &text))
    }
    for envelope in envelopes {
      var sealed = SealedParts(ciphertext: envelope.ciphertext)
      if envelope.hasKeyID { sealed.keyID = try text.blob() }
      for key in envelope.wrappedKeys { sealed.wrappedKeys.append((try text.blob(), key)) }
      parts[envelope.message].body = .sealed(sealed)
    }
    for (index, shape) in shapes.enumerated() where shape.has(Shape.rest | Shape.whole) {
      parts[index].rest = try text.blob()[...]
    }
    for (index, shape) in shapes.enumerated() where shape.isText {
      parts[index].body = .plain(try text.terminated()[...])
    }
    guard text.atEnd else { throw MalformedBytes("lane has bytes left over") }
    return parts
  }
}
