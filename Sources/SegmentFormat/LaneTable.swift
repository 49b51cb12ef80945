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
  /// See ``BlockOrigin/pace``.
  let pace: Int

  var count: Int { lanes.reduce(0) { $0 + $1.count } }

  /// Bits that say how many bits a number has: of a sender, a count, a length, a pace.
  private enum Width {
    static let sender = 7
    static let count = 4
    static let length = 5
    static let pace = 6
  }

  var bytes: [UInt8] {
    var bits = BitWriter()
    bits.write(sized: UInt64(lanes.count), width: Width.count)
    bits.write(UInt64(pace), bits: Width.pace)
    var last: Int64?
    for lane in lanes {
      let sender = UInt64(bitPattern: lane.sender.rawValue)
      if let last {
        bits.write(sized: sender &- UInt64(bitPattern: last), width: Width.sender)
      } else {
        bits.write(sender, bits: 64)
      }
      last = lane.sender.rawValue
      bits.write(sized: UInt64(lane.count), width: Width.count)
      bits.write(sized: UInt64(lane.length), width: Width.length)
    }
    return bits.finish()
  }

  init(lanes: [Lane], pace: Int) { (self.lanes, self.pace) = (lanes, pace) }

  init(bytes: [UInt8]) throws(MalformedBytes) {
    var bits = BitReader(bytes, from: 0)
    func number(_ width: Int, limit: Int) throws(MalformedBytes) -> Int {
      let number = try bits.readSized(width: width)
      guard number <= UInt64(limit) else { throw MalformedBytes("lane table") }
      return Int(number)
    }
    let laneCount = try number(Width.count, limit: BlockEntry.messagesMax)
    pace = Int(try bits.read(Width.pace))
    var lanes: [Lane] = []
    for _ in 0..<laneCount {
      let sender: Int64
      if let last = lanes.last?.sender.rawValue {
        sender = last &+ Int64(bitPattern: try bits.readSized(width: Width.sender))
        guard sender > last else { throw MalformedBytes("lanes out of order") }
      } else {
        sender = Int64(bitPattern: try bits.read(64))
      }
      let count = try number(Width.count, limit: BlockEntry.messagesMax)
      guard count > 0 else { throw MalformedBytes("lane without messages") }
      lanes.append(
        Lane(
          sender: SubjectID(rawValue: sender), count: count,
          length: try number(Width.length, limit: BlockEntry.bytesMax)))
    }
    guard try bits.finish() == bytes.count else { throw MalformedBytes("lane table") }
    self.lanes = lanes
  }
}
