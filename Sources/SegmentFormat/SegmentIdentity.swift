package import Model
import Sodium

/// What a segment is, as its header says; every sealed part is bound to it.
package struct SegmentIdentity: Hashable, Sendable {
  package let tenant: TenantID
  package let retentionClass: Int16
  package let period: Period
  /// 16 random bytes.
  package let id: [UInt8]

  package static let idSize = 16
  package static let headerSize = 64
  static let magic = Array("MNMSEG01".utf8)
  static let version: UInt16 = 1
  /// XChaCha20-Poly1305, zstd inside where it helps.
  static let algorithm: UInt16 = 1

  package init(tenant: TenantID, retentionClass: Int16, period: Period, id: [UInt8]) {
    precondition(id.count == Self.idSize)
    self.tenant = tenant
    self.retentionClass = retentionClass
    self.period = period
    self.id = id
  }

  package init(tenant: TenantID, retentionClass: Int16, period: Period, hex: String) throws(SegmentError) {
    guard let id = [UInt8](hex: hex), id.count == Self.idSize else {
      throw SegmentError(.notASegment, "the name")
    }
    self.init(tenant: tenant, retentionClass: retentionClass, period: period, id: id)
  }

  package var hex: String { id.hex }

  /// The 64 header bytes.
  package var header: [UInt8] {
    var writer = ByteWriter(reservingCapacity: Self.headerSize)
    writer.raw(Self.magic)
    writer.fixed(Self.version)
    writer.fixed(Self.algorithm)
    writer.fixed(retentionClass)
    writer.fixed(UInt16(0))
    writer.fixed(period.rawValue)
    writer.fixed(tenant.rawValue)
    writer.raw(id)
    writer.raw([UInt8](repeating: 0, count: Self.headerSize - writer.bytes.count))
    return writer.bytes
  }

  package init(header: [UInt8]) throws(SegmentError) {
    guard header.count >= Self.headerSize else { throw SegmentError(.truncated, "the header") }
    guard Array(header.prefix(8)) == Self.magic else { throw SegmentError(.notASegment, "the object") }
    do {
      var reader = ByteReader(header, in: 8..<Self.headerSize)
      guard try reader.fixed(UInt16.self) == Self.version, try reader.fixed(UInt16.self) == Self.algorithm
      else {
        throw SegmentError(.unsupportedVersion, "the segment")
      }
      let retentionClass = try reader.fixed(Int16.self)
      _ = try reader.fixed(UInt16.self)
      let period = Period(rawValue: try reader.fixed(Int32.self))
      let tenant = TenantID(rawValue: try reader.fixed(Int64.self))
      self.init(
        tenant: tenant, retentionClass: retentionClass, period: period, id: try reader.raw(Self.idSize))
    } catch let error as SegmentError {
      throw error
    } catch {
      throw SegmentError(.truncated, "the header")
    }
    guard self.header == Array(header.prefix(Self.headerSize)) else {
      throw SegmentError(.damaged, "the header")
    }
  }
}

/// What a sealed part is bound to besides its segment, so that no part passes for another.
enum SegmentPlace {
  case order(ordinal: Int32, conversation: ConversationID)
  case lane(ordinal: Int32, lane: Int, conversation: ConversationID, sender: SubjectID)
  case footer(offset: Int64)

  func additional(_ identity: SegmentIdentity) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 128)
    writer.raw(identity.header)
    switch self {
    case .order(let ordinal, let conversation):
      writer.raw("order".utf8)
      writer.fixed(ordinal)
      writer.fixed(conversation.rawValue)
    case .lane(let ordinal, let lane, let conversation, let sender):
      writer.raw("lane".utf8)
      writer.fixed(ordinal)
      writer.fixed(Int32(lane))
      writer.fixed(conversation.rawValue)
      writer.fixed(sender.rawValue)
    case .footer(let offset):
      writer.raw("footer".utf8)
      writer.fixed(offset)
    }
    return writer.bytes
  }
}
