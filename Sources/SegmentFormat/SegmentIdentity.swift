package import Model
import Sodium

/// What a segment is, as its header says; every sealed part is bound to it.
package struct SegmentIdentity: Hashable, Sendable {
  package let tenant: TenantID
  package let retentionClass: Int16
  package let period: Period
  /// 16 random bytes.
  package let id: [UInt8]
  /// The id of the dictionary that lanes may need, 16 random bytes too.
  package let dictionary: [UInt8]?
  /// The 64 header bytes.
  package let header: [UInt8]

  package static let idSize = 16
  package static let headerSize = 64
  /// January of the year 1 to December of 9999.
  static let periods: ClosedRange<Int32> = 12...119_999
  private static let none = [UInt8](repeating: 0, count: idSize)
  static let magic = Array("MNMSEG01".utf8)
  static let version: UInt16 = 1
  /// XChaCha20-Poly1305, zstd inside where it helps.
  static let algorithm: UInt16 = 1

  package init(
    tenant: TenantID, retentionClass: Int16, period: Period, id: [UInt8], dictionary: [UInt8]? = nil
  ) {
    precondition(id.count == Self.idSize && (dictionary ?? id).count == Self.idSize)
    precondition(dictionary?.contains { $0 != 0 } != false, "zeros stand for no dictionary")
    self.dictionary = dictionary
    self.tenant = tenant
    self.retentionClass = retentionClass
    self.period = period
    self.id = id
    header = Self.header(tenant, retentionClass, period, id, dictionary)
  }

  package init(
    tenant: TenantID, retentionClass: Int16, period: Period, hex: String, dictionary: [UInt8]? = nil
  ) throws(SegmentError) {
    guard let id = [UInt8](hex: hex), id.count == Self.idSize else {
      throw SegmentError(.notASegment, "the name")
    }
    self.init(
      tenant: tenant, retentionClass: retentionClass, period: period, id: id, dictionary: dictionary)
  }

  package var hex: String { id.hex }

  private static func header(
    _ tenant: TenantID, _ retentionClass: Int16, _ period: Period, _ id: [UInt8], _ dictionary: [UInt8]?
  ) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: headerSize)
    writer.raw(magic)
    writer.fixed(version)
    writer.fixed(algorithm)
    writer.fixed(retentionClass)
    writer.fixed(UInt16(0))
    writer.fixed(period.rawValue)
    writer.fixed(tenant.rawValue)
    writer.raw(id)
    writer.raw(dictionary ?? none)
    writer.raw([UInt8](repeating: 0, count: headerSize - writer.bytes.count))
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
      let id = try reader.raw(Self.idSize)
      let dictionary = try reader.raw(Self.idSize)
      self.init(
        tenant: tenant, retentionClass: retentionClass, period: period, id: id,
        dictionary: dictionary == Self.none ? nil : dictionary)
    } catch let error as SegmentError {
      throw error
    } catch {
      throw SegmentError(.truncated, "the header")
    }
    // Not authenticated yet, and what begins a period is computed from it: a wild one would overflow.
    guard Self.periods.contains(period.rawValue), self.header == Array(header.prefix(Self.headerSize)) else {
      throw SegmentError(.damaged, "the header")
    }
  }
}
