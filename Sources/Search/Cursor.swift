package import Model
import Sodium

/// Where a page ended: a place in the order (time, sequence, group), which every message has exactly one of.
/// Opaque to clients, and no secret: what it leads to is authorized anew.
package struct Cursor: Hashable, Sendable {
  package let position: MessagePosition
  package let group: Int
  package let ascending: Bool

  package init(position: MessagePosition, group: Int = 0, ascending: Bool = false) {
    self.position = position
    self.group = group
    self.ascending = ascending
  }

  package var text: String {
    var writer = ByteWriter()
    writer.byte(1)
    writer.byte(ascending ? 1 : 0)
    writer.signed(position.createdAt.microseconds)
    writer.signed(position.sequence)
    writer.varint(group)
    return writer.bytes.base64(.urlSafe)
  }

  package init(text: String) throws(SearchError) {
    let refusal = SearchError(.badCursor, "the cursor is not one that an earlier page gave")
    guard let bytes = [UInt8](base64: text, .urlSafe) else { throw refusal }
    do {
      var reader = ByteReader(bytes)
      guard try reader.byte() == 1 else { throw MalformedBytes("version") }
      ascending = try reader.byte() == 1
      position = MessagePosition(
        createdAt: Timestamp(microseconds: try reader.signed()), sequence: try reader.signed())
      group = try reader.count(limit: 1 << 16)
    } catch {
      throw refusal
    }
  }
}
