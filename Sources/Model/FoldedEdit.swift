/// An edit by the message's own author that lies in the segment with it, sealed as it was in the catalogue. That it
/// happened, the catalogue still says; only its content is here.
package struct FoldedEdit: Hashable, Sendable {
  package let version: Int64
  package let at: Timestamp
  /// Under the author's key of the conversation and of the month of the edit.
  package let sealed: [UInt8]

  package init(version: Int64, at: Timestamp, sealed: [UInt8]) {
    self.version = version
    self.at = at
    self.sealed = sealed
  }

  /// Tells an edit from the others of its message.
  package struct ID: Hashable, Sendable {
    let version: Int64
    let at: Timestamp

    package init(version: Int64, at: Timestamp) {
      self.version = version
      self.at = at
    }
  }

  package var id: ID { ID(version: version, at: at) }

  var bytes: [UInt8] {
    var writer = ByteWriter(reservingCapacity: sealed.count + 20)
    writer.signed(version)
    writer.signed(at.microseconds)
    writer.raw(sealed)
    return writer.bytes
  }

  init(bytes: [UInt8]) throws(MalformedBytes) {
    var reader = ByteReader(bytes)
    version = try reader.signed()
    at = Timestamp(microseconds: try reader.signed())
    sealed = try reader.raw(reader.remaining)
    guard !sealed.isEmpty else { throw MalformedBytes("folded edit") }
  }
}
