package import Model
package import Postgres

/// An entry as it leaves for a collector of security events, or for a verifier without the database: a line of
/// canonical JSON, in which the entry stands with the bytes that are hashed.
package struct AuditLine: Hashable, Sendable {
  package let index: Int64
  package let text: String

  /// - Parameter parts: readable parts by name; `nil`: only what the entry itself says.
  init(_ entry: RecordedEntry, _ parts: [String: AuditPart]?) throws(AuditError) {
    guard let stated = CanonicalJSON(parsing: entry.bytes) else {
      throw AuditError(.damaged, "entry \(entry.index) is not canonical; run `muniment audit verify`")
    }
    var members: [String: CanonicalJSON] = ["entry": stated, "index": .integer(entry.index)]
    if let parts {
      let readable = parts.mapValues { part -> CanonicalJSON in
        if case .readable(let text) = part { .string(text) } else { .null }
      }
      members["readable"] = .object(readable)
      let erased = parts.values.count { $0 == .erased }
      if erased > 0 { members["erased"] = .integer(Int64(erased)) }
      let altered = parts.values.count { $0 == .altered }
      if altered > 0 { members["altered"] = .integer(Int64(altered)) }
    }
    index = entry.index
    text = String(decoding: CanonicalJSON.object(members).bytes, as: UTF8.self)
  }

  /// The entry of a line, as it was hashed, of a time that is not known; `nil` if the text is not such a line.
  package static func entry(in line: some StringProtocol) -> RecordedEntry? {
    guard let value = CanonicalJSON(parsing: Array(line.utf8)), let index = value["index"]?.integer,
      let entry = value["entry"]
    else { return nil }
    return RecordedEntry(index: index, bytes: entry.bytes, appendedAt: .earliest)
  }
}

extension AuditLog {
  /// A page of entries from `from` on, up to and without `end`, ready to be written out.
  package func lines(
    from: Int64, until end: Int64 = .max, limit: Int, tenant: TenantID? = nil, readable: Bool,
    in tx: borrowing Transaction
  ) throws -> [AuditLine] {
    let entries = try entries(from: from, limit: limit, tenant: tenant, in: tx).filter { $0.index < end }
    let parts = readable ? try parts(of: entries, in: tx, subjectKey: { _ in nil }) : [:]
    return try entries.map { try AuditLine($0, readable ? parts[$0.index] ?? [:] : nil) }
  }
}

/// Checks exported lines against a checkpoint that was kept, with public keys alone. Lines come in order, the first
/// of them entry 0: only the whole of what the checkpoint covers gives its root.
package struct AuditFileCheck {
  private var walk: VerifyingWalk
  private var page: [RecordedEntry] = []

  /// - Throws: `notAuthentic` if the checkpoint is not of this log.
  package init(checkpoint note: String, key: NoteKey, witnesses: [NoteKey] = []) throws(AuditError) {
    let (stated, cosigners) = try Checkpoint.verify(note: note, by: key, witnesses: witnesses)
    var result = AuditVerification(size: 0)
    result.cosignatures = cosigners.count
    walk = VerifyingWalk(
      statements: [Statement(checkpoint: stated, name: "the given checkpoint of size \(stated.size)")],
      result: result)
    walk.compareCheckpoints()
  }

  package mutating func add(_ line: some StringProtocol) {
    guard !walk.isBroken else { return }
    guard let entry = AuditLine.entry(in: line) else {
      return walk.stop("line \(walk.position + 1) is not an exported entry in its one spelling")
    }
    _ = walk.add([entry], until: walk.position + 1)
  }

  package mutating func finish() -> AuditVerification {
    walk.finish()
    walk.result.size = walk.position
    return walk.result
  }
}
