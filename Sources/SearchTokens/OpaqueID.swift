internal import Sodium

/// The 16 bytes that stand for a platform's id in key derivation.
///
/// `SHA-256("muniment/id/v1" 00 kind 00 utf8)[0..<16]`, `kind` being `tenant`, `conversation` or
/// `message`. SHA-256 and
/// not BLAKE2b, as WebCrypto, CryptoKit and JCA have only the former.
enum OpaqueID {
  static let size = 16

  static func tenant(_ id: String) -> [UInt8] { bytes("tenant", id) }

  static func conversation(_ id: String) -> [UInt8] { bytes("conversation", id) }

  static func message(_ id: String) -> [UInt8] { bytes("message", id) }

  private static func bytes(_ kind: String, _ id: String) -> [UInt8] {
    Array(SHA256.hash(Array("muniment/id/v1\0\(kind)\0\(id)".utf8)).prefix(size))
  }
}

/// Labels and numbers in front of what is authenticated, so that no two uses of a key see the same input.
enum KeyInput {
  static func labelled(_ label: String, _ rest: [UInt8]) -> [UInt8] { Array(label.utf8) + [0] + rest }

  static func bigEndian(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
  }
}
