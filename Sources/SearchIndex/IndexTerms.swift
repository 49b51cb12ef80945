package import Model

/// How terms are written: a letter for the class, then the value. The one table of them:
///
/// | letter | class | value |
/// |---|---|---|
/// | W | plain word | tenant (3 bytes, big-endian), word in UTF-8 |
/// | B | blinded word | 8 bytes |
/// | G | blinded bigram | 8 bytes |
/// | P | blinded prefix | 8 bytes |
/// | C | conversation | id, 8 bytes, big-endian |
/// | S | sender | id, 8 bytes, big-endian |
/// | T | tenant | id, 8 bytes, big-endian |
/// | F | flag | name |
/// | H | thread | keyed hash of the platform's id, 8 bytes |
package enum IndexTerms {
  package enum Blinded: Sendable { case word, bigram, prefix }

  /// The tenant keeps posting lists and prefixes of tenants that share a group apart; its low 24 bits do, as who
  /// may see what is decided by the conversation.
  package static func word(_ utf8: [UInt8], tenant: TenantID) -> [UInt8] {
    [0x57] + bigEndian(tenant.rawValue).suffix(3) + utf8
  }

  package static func blinded(_ kind: Blinded, _ token: [UInt8]) -> [UInt8] {
    switch kind {
    case .word: [0x42] + token
    case .bigram: [0x47] + token
    case .prefix: [0x50] + token
    }
  }

  package static func conversation(_ id: ConversationID) -> [UInt8] { [0x43] + bigEndian(id.rawValue) }
  package static func sender(_ id: SubjectID) -> [UInt8] { [0x53] + bigEndian(id.rawValue) }
  package static func tenant(_ id: TenantID) -> [UInt8] { [0x54] + bigEndian(id.rawValue) }
  package static func flag(_ name: String) -> [UInt8] { [0x46] + Array(name.utf8) }

  /// - Parameter hash: under the tenant's key; its first 8 bytes count.
  package static func thread(_ hash: [UInt8]) -> [UInt8] { [0x48] + hash.prefix(8) }

  private static func bigEndian(_ number: Int64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
  }
}
