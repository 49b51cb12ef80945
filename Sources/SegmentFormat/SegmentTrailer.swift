import Model
import Sodium

/// The fixed end of a segment: where the footer is, and the hash of all that comes before that hash.
package struct SegmentTrailer: Hashable, Sendable {
  package static let size = 56
  /// Bytes that the hash does not cover: itself and the magic after it.
  package static let uncoveredSize = 40
  package static let footerBytesMax = 256 << 20
  static let magic = Array("MNMSEGZ1".utf8)
  package let footerOffset: Int64
  package let footerLength: Int
  /// BLAKE2b-256 over everything before it.
  package let hash: [UInt8]

  /// Where the sealed footer lies.
  package var footerRange: Range<Int> { Int(footerOffset)..<Int(footerOffset) + footerLength }

  package init(_ bytes: [UInt8], objectSize: Int64) throws(SegmentError) {
    guard bytes.count == Self.size, Array(bytes.suffix(8)) == Self.magic else {
      throw SegmentError(.truncated, "the segment")
    }
    do {
      var reader = ByteReader(bytes)
      footerOffset = try reader.fixed(Int64.self)
      footerLength = Int(try reader.fixed(UInt32.self))
      guard try reader.fixed(UInt32.self) == 0 else { throw MalformedBytes("trailer") }
      hash = try reader.raw(32)
    } catch {
      throw SegmentError(.damaged, "the trailer")
    }
    // By subtraction: the offset is not authenticated, and a sum with it could overflow.
    guard footerOffset >= Int64(SegmentIdentity.headerSize), footerOffset <= objectSize,
      objectSize - footerOffset == Int64(footerLength) + Int64(Self.size)
    else { throw SegmentError(.damaged, "the trailer") }
    guard footerLength <= Self.footerBytesMax + SegmentPlace.overhead else {
      throw SegmentError(.overLimit, "the footer")
    }
  }
}
