package import KeyVault
package import Model
import Zstd

/// How a payload is sealed into a hot row: a byte that says whether zstd helped, then the payload, under the
/// author's lane key, bound to the message it belongs to.
package enum RowSeal {
  /// Payloads shorter than this never get smaller by zstd alone (measured on the sample corpora).
  static let compressionBytesMin = 512
  static let payloadBytesMax = 4 << 20

  package static func seal(_ payload: [UInt8], key: MessageKey, kind: Int16, version: Int64, lane: LaneKey)
    -> [UInt8]
  {
    var plain: [UInt8] = []
    if payload.count >= compressionBytesMin {
      let compressed = ZstdFrame.compress(payload, level: 3)
      if compressed.count + 8 < payload.count {
        plain.reserveCapacity(compressed.count + 1)
        plain.append(1)
        plain += compressed
      }
    }
    if plain.isEmpty {
      plain.reserveCapacity(payload.count + 1)
      plain.append(0)
      plain += payload
    }
    return lane.seal(plain, additional: additional(key, kind, version))
  }

  package static func open(_ sealed: [UInt8], key: MessageKey, kind: Int16, version: Int64, lane: LaneKey)
    throws -> [UInt8]
  {
    let plain = try lane.open(sealed, additional: additional(key, kind, version))
    guard let marker = plain.first else { throw MalformedBytes("empty row payload") }
    let rest = Array(plain.dropFirst())
    return marker == 1 ? try ZstdFrame.decompress(rest, limit: payloadBytesMax) : rest
  }

  private static func additional(_ key: MessageKey, _ kind: Int16, _ version: Int64) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 32)
    writer.raw("row1".utf8)
    writer.fixed(key.high)
    writer.fixed(key.low)
    writer.fixed(kind)
    writer.fixed(version)
    return writer.bytes
  }
}
