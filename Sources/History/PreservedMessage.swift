import Catalog
import KeyVault
package import Model
package import Sodium

/// What is kept of a message whose author is erased: the message as it was sent, unless it is somebody else's, and
/// the person's own changes to it. Sealed under a key derived from a matter key, bound to message and ground.
package struct PreservedMessage: Sendable, Hashable {
  /// Encoded ``MessagePayload``; `nil`: the message is another's, or could not be read any more.
  package var payload: [UInt8]?
  package var changes: [HistoricChange]

  package init(payload: [UInt8]?, changes: [HistoricChange]) {
    self.payload = payload
    self.changes = changes
  }

  package func sealed(of key: MessageKey, for preservation: Int64, under matter: SecretBytes) -> [UInt8] {
    AEAD.seal(bytes, key: Self.derived(matter), additional: Self.additional(key, preservation))
  }

  init(_ copy: PreservedCopy, under matter: SecretBytes) throws {
    let bytes = try AEAD.open(
      copy.sealed, key: Self.derived(matter), additional: Self.additional(copy.key, copy.preservation))
    var reader = ByteReader(bytes)
    guard try reader.byte() == 1 else { throw MalformedBytes("preserved message version") }
    payload = try reader.byte() == 1 ? try reader.blob() : nil
    changes = []
    for _ in 0..<(try reader.count(limit: Self.changesMax)) { changes.append(try HistoricChange(&reader)) }
    guard reader.atEnd else { throw MalformedBytes("preserved message") }
  }

  private static let changesMax = 1 << 20

  /// A version byte; whether there is a payload, and it; the number of changes, and each.
  private var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.byte(1)
    writer.byte(payload == nil ? 0 : 1)
    if let payload { writer.blob(payload) }
    writer.varint(changes.count)
    for change in changes { change.write(to: &writer) }
    return writer.bytes
  }

  private static func derived(_ matter: SecretBytes) -> SecretBytes {
    BLAKE2b.derive([matter], context: Array("muniment/preserved/v1".utf8))
  }

  private static func additional(_ key: MessageKey, _ preservation: Int64) -> [UInt8] {
    var writer = ByteWriter()
    writer.fixed(key.high)
    writer.fixed(key.low)
    writer.fixed(preservation)
    return writer.bytes
  }
}

extension HistoricChange {
  fileprivate func write(to writer: inout ByteWriter) {
    writer.byte(UInt8(kind.rawValue))
    writer.fixed(author.rawValue)
    writer.fixed(version)
    writer.fixed(at.microseconds)
    writer.byte((removedAt == nil ? 0 : 1) | (payload == nil ? 0 : 2) | (name == nil ? 0 : 4))
    if let removedAt { writer.fixed(removedAt.microseconds) }
    if let payload { writer.blob(payload.bytes) }
    if let name { writer.text(name) }
  }

  fileprivate init(_ reader: inout ByteReader) throws {
    guard let kind = AmendmentRow.Kind(rawValue: Int16(try reader.byte())) else {
      throw MalformedBytes("kind of a preserved change")
    }
    self.kind = kind
    author = SubjectID(rawValue: try reader.fixed())
    version = try reader.fixed()
    at = Timestamp(microseconds: try reader.fixed())
    let has = try reader.byte()
    removedAt = has & 1 != 0 ? Timestamp(microseconds: try reader.fixed()) : nil
    payload = has & 2 != 0 ? try MessagePayload(bytes: try reader.blob()) : nil
    name = has & 4 != 0 ? try reader.text() : nil
  }
}
