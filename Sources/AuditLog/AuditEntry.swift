package import Model
package import Sodium

/// What happened, as a flow states it. Nothing in `action`, `object` and `details` may lead to a person in the
/// clear: those stay for ever. What does goes into `personal`, of which the log keeps a commitment only.
package struct AuditEntry: Sendable {
  /// Whom a readable part is about, and the key it is sealed under; without a key, the log's own.
  package struct PartSubject: Sendable {
    package let subject: SubjectID
    package let key: SecretBytes?
    package init(_ subject: SubjectID, key: SecretBytes? = nil) {
      self.subject = subject
      self.key = key
    }
  }

  /// A person the entry is about, by the keyed hash of the tenant's that the catalogue knows people by, and the part
  /// that names them: it goes when they are erased. Without a part, the entry is theirs to hear of, and stays.
  package struct Mention: Hashable, Sendable {
    package let hash: [UInt8]
    package let part: String?
    package init(_ hash: [UInt8], part: String? = nil) {
      self.hash = hash
      self.part = part
    }
  }

  /// The name the actor's part goes by beside those of `personal`.
  package static let actorPart = "actor"
  /// The detail that is `true` where the people an entry is about must not hear of it.
  package static let silentDetail = "silent"

  package var tenant: TenantID?
  /// Role or operator's name.
  package var actor: String
  /// Dotted, such as `hold.placed`.
  package var action: String
  package var object: String
  package var details: [String: String]
  package var personal: [String: String]
  /// By name of the part, ``actorPart`` included.
  package var subjects: [String: PartSubject]
  /// Whom the entry is about.
  package var mentions: [Mention]

  package init(
    tenant: TenantID?, actor: String, action: String, object: String, details: [String: String] = [:],
    personal: [String: String] = [:], subjects: [String: PartSubject] = [:], mentions: [Mention] = []
  ) {
    precondition(personal[Self.actorPart] == nil, "the part \(Self.actorPart) is the actor's")
    self.tenant = tenant
    self.actor = actor
    self.action = action
    self.object = object
    self.details = details
    self.personal = personal
    self.subjects = subjects
    self.mentions = mentions
  }
}

/// One readable part on its way into an entry: its salt and what the entry says of it.
struct CommittedPart {
  static let saltSize = 16
  let name: String
  let salt: [UInt8]
  let value: [UInt8]

  init(name: String, value: String) {
    self.name = name
    self.salt = Randomness.bytes(Self.saltSize)
    self.value = Array(value.utf8)
  }

  /// From the stored form, salt first; `nil` if it is too short.
  init?(name: String, opened: [UInt8]) {
    guard opened.count >= Self.saltSize else { return nil }
    self.name = name
    self.salt = Array(opened[..<Self.saltSize])
    self.value = Array(opened[Self.saltSize...])
  }

  var bytes: [UInt8] { salt + value }
  var commitment: String { SHA256.hash(bytes).base64() }
}

extension AuditEntry {
  static let entrySizeMax = 65_535

  var parts: [CommittedPart] {
    [CommittedPart(name: Self.actorPart, value: actor)]
      + personal.sorted { $0.key < $1.key }.map { CommittedPart(name: $0.key, value: $0.value) }
  }

  /// The entry as it is hashed and kept: `Schemas/formats/audit-v1.md`.
  func bytes(index: Int64, at time: Timestamp, parts: [CommittedPart]) throws(AuditError) -> [UInt8] {
    var commitments = Dictionary(
      uniqueKeysWithValues: parts.map { ($0.name, CanonicalJSON.string($0.commitment)) })
    let actor = commitments.removeValue(forKey: Self.actorPart) ?? .null
    let entry = CanonicalJSON.object([
      "v": .integer(1), "index": .integer(index), "at": .string(time.rfc3339),
      "tenant": tenant.map { .integer($0.rawValue) } ?? .null,
      "actor": .object(["commitment": actor]),
      "action": .string(action), "object": .string(object),
      "details": .object(details.mapValues { .string($0) }),
      "personal": .object(commitments),
    ])
    let bytes = entry.bytes
    guard bytes.count <= Self.entrySizeMax else {
      throw AuditError(.tooLarge, "the audit entry \(action) is over \(Self.entrySizeMax) bytes")
    }
    return bytes
  }
}

/// An entry as the log has it.
package struct RecordedEntry: Hashable, Sendable {
  package let index: Int64
  /// Canonical JSON.
  package let bytes: [UInt8]
  package let appendedAt: Timestamp

  /// What the entry says of a part; `nil` if it says nothing.
  func commitment(of part: String) -> String? {
    let entry = CanonicalJSON(parsing: bytes)
    return part == AuditEntry.actorPart
      ? entry?["actor"]?["commitment"]?.string : entry?["personal"]?[part]?.string
  }
}
