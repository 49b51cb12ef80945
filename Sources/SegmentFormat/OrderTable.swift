import Model

/// The part of a block that says which lane speaks next, and how long each lane is.
struct OrderTable {
  struct Lane {
    let sender: SubjectID
    /// Bytes of the sealed lane.
    let length: Int
  }

  var lanes: [Lane]
  /// One lane number a message.
  var order: [Int]

  static let lanesMax = BlockEntry.messagesMax

  var bytes: [UInt8] {
    var writer = ByteWriter(reservingCapacity: lanes.count * 12 + order.count * 2)
    writer.varint(lanes.count)
    for lane in lanes {
      writer.fixed(lane.sender.rawValue)
      writer.varint(lane.length)
    }
    writer.varint(order.count)
    for lane in order { writer.varint(lane) }
    return writer.bytes
  }

  init(lanes: [Lane], order: [Int]) {
    self.lanes = lanes
    self.order = order
  }

  init(bytes: [UInt8]) throws(MalformedBytes) {
    var reader = ByteReader(bytes)
    let laneCount = try reader.count(limit: Self.lanesMax)
    lanes = []
    for _ in 0..<laneCount {
      lanes.append(
        Lane(
          sender: SubjectID(rawValue: try reader.fixed(Int64.self)),
          length: try reader.count(limit: BlockEntry.bytesMax)))
    }
    let count = try reader.count(limit: BlockEntry.messagesMax)
    order = []
    for _ in 0..<count {
      let lane = try reader.count(limit: Self.lanesMax)
      guard lane < laneCount else { throw MalformedBytes("order names no lane") }
      order.append(lane)
    }
    guard reader.atEnd, Set(lanes.map(\.sender)).count == laneCount else {
      throw MalformedBytes("order table")
    }
  }
}
