import Model
import Sodium

/// Seals data keys under a KEK. What is authenticated with a key is its place, epoch and generation, so that no
/// row can be passed off as another's or as an older one.
enum WrappedKey {
  static func seal(
    _ secret: SecretBytes, under kek: SecretBytes, at place: KeyPlace, epoch: Int64, generation: Int64
  )
    -> [UInt8]
  {
    var bytes = secret.copiedBytes
    defer { SecretBytes.zero(&bytes) }
    return AEAD.seal(bytes, key: kek, additional: additional(place, epoch, generation))
  }

  static func open(
    _ wrapped: [UInt8], under kek: SecretBytes, at place: KeyPlace, epoch: Int64, generation: Int64
  ) throws(KeyVaultError) -> SecretBytes {
    do {
      var bytes = try AEAD.open(wrapped, key: kek, additional: additional(place, epoch, generation))
      defer { SecretBytes.zero(&bytes) }
      return SecretBytes(bytes)
    } catch {
      throw KeyVaultError(
        .notAuthentic,
        "a wrapped key in shard \(place.shard) is not authentic: the row was altered or moved; restore table "
          + "wrapped_key from a backup")
    }
  }

  private static func additional(_ place: KeyPlace, _ epoch: Int64, _ generation: Int64) -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 64)
    writer.raw("muniment/data-key/v1".utf8)
    writer.fixed(place.shard)
    writer.fixed(place.kind)
    for number in [place.tenant, place.high, place.low, epoch, generation] { writer.fixed(number) }
    return writer.bytes
  }
}
