import Model

/// The part of a block that says whose lanes it has, how many messages each holds and how long it is. In which order
/// people spoke it does not say: that follows from the times in their lanes, and is gone with a lane's key.
struct LaneTable {
  struct Lane {
    let sender: SubjectID
    let count: Int
    /// Bytes of the sealed lane.
    let length: Int
  }

  /// In ascending order of senders.
  let lanes: [Lane]

  var count: Int { lanes.reduce(0) { $0 + $1.count } }

  var bytes: [UInt8] {
    var writer = ByteWriter(reservingCapacity: lanes.count * 8 + 4)
    writer.varint(lanes.count)
    var last: Int64?
    for lane in lanes {
      if let last {
        writer.varint(UInt64(bitPattern: lane.sender.rawValue &- last))
      } else {
        writer.signed(lane.sender.rawValue)
      }
      last = lane.sender.rawValue
      writer.varint(lane.count)
      writer.varint(lane.length)
    }
    return writer.bytes
  }

  init(lanes: [Lane]) { self.lanes = lanes }

  init(bytes: [UInt8]) throws(MalformedBytes) {
    var reader = ByteReader(bytes)
    var lanes: [Lane] = []
    for _ in 0..<(try reader.count(limit: BlockEntry.messagesMax)) {
      let sender: Int64
      if let last = lanes.last?.sender.rawValue {
        sender = last &+ Int64(bitPattern: try reader.varint())
        guard sender > last else { throw MalformedBytes("lanes out of order") }
      } else {
        sender = try reader.signed()
      }
      let count = try reader.count(limit: BlockEntry.messagesMax)
      guard count > 0 else { throw MalformedBytes("lane without messages") }
      lanes.append(
        Lane(
          sender: SubjectID(rawValue: sender), count: count,
          length: try reader.count(limit: BlockEntry.bytesMax)))
    }
    guard reader.atEnd else { throw MalformedBytes("lane table") }
    self.lanes = lanes
  }
}
