import Catalog
import Foundation
import KeyVault
import Model

/// A block's messages as hot rows, and the edits that lay beside them as the catalogue has to have them.
struct ThawedBlock {
  let route: RouteKey
  let rows: [HotMessage]
  let edits: [AmendmentRow]
}

/// A segment on its way back into the hot tables: a scratch file of its blocks, all content sealed. The file goes with
/// its last user, or with the next sweep.
final class ThawedSegment {
  let path: String
  /// All lanes that something is sealed under.
  private(set) var lanes: [LaneID: LaneKey] = [:]
  private(set) var messages = 0
  private let file: FileHandle

  init(_ directory: String, _ id: String) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    path = directory + "/" + id + ".restore" + SegmentDraft.suffix
    guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
      let file = FileHandle(forWritingAtPath: path)
    else { throw CocoaError(.fileWriteUnknown) }
    self.file = file
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func append(_ block: ThawedBlock, _ lanes: [LaneID: LaneKey]) throws {
    // A second key of one lane is seen as destroyed by whoever asks, and all is begun anew.
    self.lanes.merge(lanes) { first, _ in first }
    messages += block.rows.count
    let bytes = block.bytes
    var size = ByteWriter()
    size.fixed(Int64(bytes.count))
    try file.write(contentsOf: size.bytes + bytes)
  }

  func close() throws { try file.close() }

  /// One after the other, as often as it is asked for.
  static func forEachBlock(of path: String, _ body: (ThawedBlock) throws -> Void) throws {
    guard let file = FileHandle(forReadingAtPath: path) else { throw CocoaError(.fileReadUnknown) }
    defer { try? file.close() }
    while let header = try file.read(upToCount: 8), !header.isEmpty {
      var size = ByteReader(Array(header))
      let count = Int(try size.fixed(Int64.self))
      let bytes = Array(try file.read(upToCount: count) ?? Data())
      guard bytes.count == count else { throw MalformedBytes("scratch file of a restored segment") }
      try body(ThawedBlock(bytes: bytes))
    }
  }
}

extension ThawedBlock {
  fileprivate var bytes: [UInt8] {
    var writer = ByteWriter(reservingCapacity: 1 << 16)
    writer.fixed(route.rawValue)
    writer.varint(rows.count)
    for row in rows {
      writer.write(row.key)
      writer.fixed(row.position.createdAt.microseconds)
      writer.fixed(row.position.sequence)
      writer.fixed(row.conversation.rawValue)
      writer.fixed(row.sender.rawValue)
      writer.blob(row.sealed)
    }
    writer.varint(edits.count)
    for edit in edits {
      writer.write(edit.key)
      writer.fixed(edit.author.rawValue)
      writer.fixed(edit.version)
      writer.fixed(edit.at.microseconds)
      writer.fixed(edit.conversation.rawValue)
      writer.blob(edit.sealed)
    }
    return writer.bytes
  }

  fileprivate init(bytes: [UInt8]) throws(MalformedBytes) {
    var reader = ByteReader(bytes)
    let route = RouteKey(rawValue: try reader.fixed(Int64.self))
    var rows: [HotMessage] = []
    for _ in 0..<(try reader.count()) {
      rows.append(
        HotMessage(
          key: try reader.key(),
          position: MessagePosition(
            createdAt: Timestamp(microseconds: try reader.fixed(Int64.self)),
            sequence: try reader.fixed(Int64.self)),
          conversation: ConversationID(rawValue: try reader.fixed(Int64.self)),
          sender: SubjectID(rawValue: try reader.fixed(Int64.self)), sealed: try reader.blob()))
    }
    var edits: [AmendmentRow] = []
    for _ in 0..<(try reader.count()) {
      let key = try reader.key()
      let author = SubjectID(rawValue: try reader.fixed(Int64.self))
      let version = try reader.fixed(Int64.self)
      let at = Timestamp(microseconds: try reader.fixed(Int64.self))
      let conversation = ConversationID(rawValue: try reader.fixed(Int64.self))
      edits.append(
        AmendmentRow(
          key: key, kind: .edit, author: author, version: version, at: at, route: route,
          conversation: conversation, sealed: try reader.blob()))
    }
    guard reader.atEnd else { throw MalformedBytes("scratch file of a restored segment") }
    self.init(route: route, rows: rows, edits: edits)
  }
}

extension ByteWriter {
  fileprivate mutating func write(_ key: MessageKey) {
    fixed(key.high)
    fixed(key.low)
  }
}

extension ByteReader {
  fileprivate mutating func key() throws(MalformedBytes) -> MessageKey {
    let high = try fixed(Int64.self)
    return MessageKey(high: high, low: try fixed(Int64.self))
  }
}
