package import Model
package import Postgres
package import Sodium

/// The append-only log of what was done and by whom: an RFC 9162 Merkle tree over canonical JSON entries, kept in
/// the database, signed in C2SP checkpoints. Nothing here trusts the database: ``verify(checkpoint:in:)``
/// recomputes everything, and a checkpoint kept elsewhere shows any rewriting.
package struct AuditLog: Sendable {
  /// The log's name, also that of its key: a URL without scheme, such as `example.org/muniment`.
  package let origin: String
  let signer: SigningKey
  /// Seals the readable parts that are about no subject with a key of its own.
  let sealing: SecretBytes
  /// Whose signatures under checkpoints are taken in and shown.
  package let witnesses: [NoteKey]

  package init(origin: String, signer: SigningKey, sealing: SecretBytes, witnesses: [NoteKey] = []) {
    precondition(NoteKey(name: origin, publicKey: signer.publicKey) != nil, "not a valid origin: \(origin)")
    self.origin = origin
    self.signer = signer
    self.sealing = sealing
    self.witnesses = witnesses
  }

  /// What auditors configure their verifiers with.
  package var key: NoteKey {
    guard let key = NoteKey(name: origin, publicKey: signer.publicKey) else {
      preconditionFailure("checked in init")
    }
    return key
  }

  /// Appends `entries` in the caller's transaction and returns the index of the first.
  ///
  /// Takes the lock of the one head row until the transaction ends, so it belongs at the end of a body.
  @discardableResult
  package func append(_ entries: [AuditEntry], at time: Timestamp, in tx: borrowing Transaction) throws
    -> Int64
  {
    let head = try tx.execute(AuditStatement.lockHead)
    var range = try Self.range(head)
    let first = range.size
    guard !entries.isEmpty else { return first }
    var batch = AppendBatch()
    for entry in entries {
      let parts = entry.parts
      let bytes = try entry.bytes(index: range.size, at: time, parts: parts)
      for part in parts { batch.add(seal(part, of: entry, at: range.size)) }
      batch.add(entry.mentions, of: entry.tenant, index: range.size)
      batch.add(entry, bytes, index: range.size)
      batch.add(range.append(Merkle.leaf(bytes)))
    }
    try batch.write(at: time, in: tx)
    try tx.execute(AuditStatement.writeHead, [.int8(range.size), .bytes(range.bytes), .bytes(range.root)])
    return first
  }

  /// How many entries there are, and the root over them.
  package func head(in tx: borrowing Transaction) throws -> (size: Int64, root: [UInt8]) {
    let range = try Self.range(try tx.execute(AuditStatement.readHead))
    return (range.size, range.root)
  }

  /// The right edge from the head row, checked against the root beside it.
  static func range(_ head: PostgresRows) throws(AuditError) -> CompactRange {
    guard head.count == 1, let range = CompactRange(size: head.int64(0, 0), bytes: head.bytes(0, 1)),
      range.root == head.bytes(0, 2)
    else {
      throw AuditError(.damaged, "the audit log's head contradicts itself; run `muniment audit verify`")
    }
    return range
  }

  private func seal(_ part: CommittedPart, of entry: AuditEntry, at index: Int64) -> SealedPart {
    let about = entry.subjects[part.name]
    return SealedPart(
      index: index, name: part.name, subject: about?.subject, underSubjectKey: about?.key != nil,
      bytes: AEAD.seal(
        part.bytes, key: about?.key ?? sealing, additional: SealedPart.additional(index, part.name)))
  }
}

/// A readable part as its row has it.
struct SealedPart {
  let index: Int64
  let name: String
  let subject: SubjectID?
  let underSubjectKey: Bool
  let bytes: [UInt8]

  /// Binds a sealed part to its place.
  static func additional(_ index: Int64, _ name: String) -> [UInt8] {
    var writer = ByteWriter()
    writer.text("muniment/audit-part/v1")
    writer.fixed(index)
    writer.text(name)
    return writer.bytes
  }
}

/// The rows of one append, as the columns the statements take.
private struct AppendBatch {
  private var entries: [(index: Int64, tenant: Int64, action: String, bytes: [UInt8])] = []
  private var nodes: [(node: MerkleNode, hash: [UInt8])] = []
  private var parts: [SealedPart] = []
  private var mentions: [(tenant: Int64, hash: [UInt8], index: Int64, part: String)] = []

  mutating func add(_ entry: AuditEntry, _ bytes: [UInt8], index: Int64) {
    entries.append((index, entry.tenant?.rawValue ?? -1, entry.action, bytes))
  }
  mutating func add(_ completed: [(node: MerkleNode, hash: [UInt8])]) { nodes += completed }
  mutating func add(_ part: SealedPart) { parts.append(part) }
  mutating func add(_ found: [AuditEntry.Mention], of tenant: TenantID?, index: Int64) {
    precondition(found.isEmpty || tenant != nil, "people belong to a tenant")
    for mention in Set(found) {
      mentions.append((tenant?.rawValue ?? 0, mention.hash, index, mention.part ?? ""))
    }
  }

  func write(at time: Timestamp, in tx: borrowing Transaction) throws {
    try tx.execute(
      AuditStatement.insertEntries,
      [
        .int8Array(entries.map(\.index)), .int8Array(entries.map(\.tenant)),
        .textArray(entries.map(\.action)),
        .bytesArray(entries.map(\.bytes)), .timestamp(microseconds: time.microseconds),
      ])
    try tx.execute(
      AuditStatement.insertNodes,
      [
        .int2Array(nodes.map { Int16($0.node.level) }), .int8Array(nodes.map(\.node.index)),
        .bytesArray(nodes.map(\.hash)),
      ])
    try tx.execute(
      AuditStatement.insertParts,
      [
        .int8Array(parts.map(\.index)), .textArray(parts.map(\.name)),
        .int8Array(parts.map { $0.subject?.rawValue ?? -1 }), .boolArray(parts.map(\.underSubjectKey)),
        .bytesArray(parts.map(\.bytes)),
      ])
    guard !mentions.isEmpty else { return }
    try tx.execute(
      AuditStatement.insertMentions,
      [
        .int8Array(mentions.map(\.tenant)), .bytesArray(mentions.map(\.hash)),
        .int8Array(mentions.map(\.index)), .textArray(mentions.map(\.part)),
      ])
  }
}
