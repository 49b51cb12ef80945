import Model
import Sodium

/// The KEKs of one shard and the form they are filed in, `kek-NN.key`: `Schemas/formats/keystore-v1.md`.
struct ShardKeys: Sendable {
  struct Epoch: Sendable {
    let number: Int64
    let key: SecretBytes
    /// When the last key left it; nil while it is in use.
    var retiredAt: Timestamp?
  }

  static let magic: [UInt8] = Array("MUNKEK\u{0}\u{1}".utf8)
  /// Nobody needs more: each is gone after the backup window.
  static let epochsMax = 4_096

  let shard: Int16
  /// Ascending, never empty; the last is the newest.
  private(set) var epochs: [Epoch]

  /// A first epoch.
  init(newFor shard: Int16) {
    self.shard = shard
    epochs = [Epoch(number: 1, key: SecretBytes(random: AEAD.keySize, guarded: true), retiredAt: nil)]
  }

  static func name(_ shard: Int16) -> String { "kek-\(shard < 10 ? "0" : "")\(shard).key" }

  var newest: Int64 { epochs[epochs.count - 1].number }
  var oldest: Int64 { epochs[0].number }

  func epoch(_ number: Int64) -> Epoch? { epochs.first { $0.number == number } }

  mutating func addEpoch() {
    precondition(epochs.count < Self.epochsMax, "retired KEKs are not being erased")
    epochs.append(
      Epoch(number: newest + 1, key: SecretBytes(random: AEAD.keySize, guarded: true), retiredAt: nil))
  }

  /// Retires all but the newest and returns how many that were.
  mutating func retireOld(at now: Timestamp) -> Int {
    let old = epochs.indices.dropLast().filter { epochs[$0].retiredAt == nil }
    for index in old { epochs[index].retiredAt = now }
    return old.count
  }

  /// Drops those retired at `limit` or before and returns how many that were.
  mutating func erase(retiredUntil limit: Timestamp) -> Int {
    let count = epochs.count
    epochs.removeAll { $0.retiredAt.map { $0 <= limit } ?? false }
    return count - epochs.count
  }

  func sealed(under key: SecretBytes) -> [UInt8] {
    var plaintext = [UInt8]()
    defer { SecretBytes.zero(&plaintext) }
    // Its final size, so that growing leaves no copy behind.
    plaintext.reserveCapacity(16 + epochs.count * (16 + AEAD.keySize))
    var count = ByteWriter()
    count.varint(epochs.count)
    plaintext += count.bytes
    for epoch in epochs {
      var numbers = ByteWriter()
      numbers.fixed(epoch.number)
      numbers.fixed(epoch.retiredAt?.microseconds ?? Int64.min)
      plaintext += numbers.bytes
      epoch.key.withUnsafeBytes { plaintext.append(contentsOf: $0) }
    }
    let header = Self.header(shard)
    return header + AEAD.seal(plaintext, key: key, additional: Self.additional(header, shard))
  }

  /// Throws ``KeyVaultError/Code/notAuthentic`` or `malformed`; the caller adds the path.
  init(sealed bytes: [UInt8], shard: Int16, under key: SecretBytes) throws {
    let header = Self.header(shard)
    guard bytes.starts(with: header) else { throw MalformedBytes("not the keystore file of shard \(shard)") }
    var plaintext = try AEAD.open(
      Array(bytes[header.count...]), key: key, additional: Self.additional(header, shard))
    defer { SecretBytes.zero(&plaintext) }
    var reader = ByteReader(plaintext)
    var epochs: [Epoch] = []
    for _ in 0..<(try reader.count(limit: Self.epochsMax)) {
      let number: Int64 = try reader.fixed()
      let retired: Int64 = try reader.fixed()
      var key = try reader.raw(AEAD.keySize)
      defer { SecretBytes.zero(&key) }
      epochs.append(
        Epoch(
          number: number, key: SecretBytes(key, guarded: true),
          retiredAt: retired == .min ? nil : Timestamp(microseconds: retired)))
    }
    let ascending = zip(epochs, epochs.dropFirst()).allSatisfy { $0.number < $1.number }
    guard reader.atEnd, ascending, epochs.last?.retiredAt == nil, !epochs.isEmpty else {
      throw MalformedBytes("keystore file")
    }
    self.shard = shard
    self.epochs = epochs
  }

  private static func header(_ shard: Int16) -> [UInt8] {
    var writer = ByteWriter()
    writer.raw(magic)
    writer.fixed(shard)
    return writer.bytes
  }

  private static func additional(_ header: [UInt8], _ shard: Int16) -> [UInt8] {
    header + Array(name(shard).utf8)
  }
}
