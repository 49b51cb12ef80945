import Model
import Sodium

/// Who a subject is to the outside. Stored only sealed, under the subject's key.
package struct SubjectProfile: Hashable, Sendable {
  /// The platform's id.
  package var id: String
  package var displayName: String?
  package var email: String?
  /// Whether the platform has not deactivated them, as far as whoever made this asked.
  package var isActive = true

  package init(id: String, displayName: String? = nil, email: String? = nil) {
    self.id = id
    self.displayName = displayName
    self.email = email
  }

  /// With what is new in `other`; what `other` leaves out stays.
  package func updated(with other: SubjectProfile) -> SubjectProfile {
    SubjectProfile(id: id, displayName: other.displayName ?? displayName, email: other.email ?? email)
  }

  var bytes: [UInt8] { Self.encode([id, displayName, email]) }

  init(bytes: [UInt8]) throws(MalformedBytes) {
    let fields = try Self.decode(bytes, count: 3)
    self.init(id: fields[0] ?? "", displayName: fields[1], email: fields[2])
  }

  static func encode(_ fields: [String?]) -> [UInt8] {
    var writer = ByteWriter()
    for field in fields {
      writer.byte(field == nil ? 0 : 1)
      if let field { writer.text(field) }
    }
    return writer.bytes
  }

  static func decode(_ bytes: [UInt8], count: Int) throws(MalformedBytes) -> [String?] {
    var reader = ByteReader(bytes)
    var fields: [String?] = []
    for _ in 0..<count { fields.append(try reader.byte() == 1 ? try reader.text() : nil) }
    return fields
  }
}

/// What a conversation is called outside. Stored only sealed, under the conversation's key.
package struct ConversationProfile: Hashable, Sendable {
  package var id: String
  package var name: String?

  package init(id: String, name: String? = nil) {
    self.id = id
    self.name = name
  }

  var bytes: [UInt8] { SubjectProfile.encode([id, name]) }

  init(bytes: [UInt8]) throws(MalformedBytes) {
    let fields = try SubjectProfile.decode(bytes, count: 2)
    self.init(id: fields[0] ?? "", name: fields[1])
  }
}

/// Seals a profile under a key derived from its owner's, bound to the owner's number.
enum ProfileSeal {
  static func seal(_ bytes: [UInt8], owner: Int64, key: SecretBytes) -> [UInt8] {
    AEAD.seal(bytes, key: derived(key), additional: additional(owner))
  }

  static func open(_ sealed: [UInt8], owner: Int64, key: SecretBytes) throws(CryptographyError) -> [UInt8] {
    try AEAD.open(sealed, key: derived(key), additional: additional(owner))
  }

  private static func derived(_ key: SecretBytes) -> SecretBytes {
    BLAKE2b.derive([key], context: Array("muniment/profile/v1".utf8))
  }

  private static func additional(_ owner: Int64) -> [UInt8] {
    var writer = ByteWriter()
    writer.fixed(owner)
    return writer.bytes
  }
}
