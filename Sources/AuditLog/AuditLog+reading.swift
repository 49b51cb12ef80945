package import Model
package import Postgres
package import Sodium

/// A readable part as a reader gets it.
package enum AuditPart: Hashable, Sendable {
  case readable(String)
  /// Its key or its row is gone.
  case erased
  /// It is not what the entry committed to.
  case altered
}

extension AuditLog {
  /// Of entries that are read at once.
  package static let pageMax = 5_000

  /// Up to `limit` entries from index `from` on, of one tenant or of all.
  package func entries(
    from: Int64, limit: Int, tenant: TenantID? = nil, in tx: borrowing Transaction
  ) throws -> [RecordedEntry] {
    let values: [PostgresValue] = [
      .int8(max(from, 0)), .int8(.max), .int8(Int64(min(max(limit, 0), Self.pageMax))),
    ]
    let rows =
      if let tenant {
        try tx.execute(AuditStatement.entriesOfTenant, values + [.int8(tenant.rawValue)])
      } else {
        try tx.execute(AuditStatement.entries, values)
      }
    return (0..<rows.count).map { Self.entry(rows, $0) }
  }

  static func entry(_ rows: PostgresRows, _ row: Int) -> RecordedEntry {
    RecordedEntry(
      index: rows.int64(row, 0), bytes: rows.bytes(row, 1),
      appendedAt: Timestamp(microseconds: rows.timestamp(row, 2)))
  }

  /// The readable parts of `entries` by index and name. `subjectKey` gives the key of a part that was sealed under
  /// a subject's; `nil` if it was destroyed.
  package func parts(
    of entries: [RecordedEntry], in tx: borrowing Transaction, subjectKey: (SubjectID) -> SecretBytes?
  ) throws -> [Int64: [String: AuditPart]] {
    let rows = try tx.execute(AuditStatement.parts, [.int8Array(entries.map(\.index))])
    var stored: [Int64: [SealedPart]] = [:]
    for row in 0..<rows.count {
      let part = SealedPart(
        index: rows.int64(row, 0), name: rows.text(row, 1),
        subject: rows.int64OrNil(row, 2).map { SubjectID(rawValue: $0) }, underSubjectKey: rows.bool(row, 3),
        bytes: rows.bytes(row, 4))
      stored[part.index, default: []].append(part)
    }
    var result: [Int64: [String: AuditPart]] = [:]
    for entry in entries {
      var parts = Dictionary(uniqueKeysWithValues: entry.partNames.map { ($0, AuditPart.erased) })
      for part in stored[entry.index] ?? [] { parts[part.name] = open(part, of: entry, subjectKey) }
      result[entry.index] = parts
    }
    return result
  }

  private func open(
    _ part: SealedPart, of entry: RecordedEntry, _ subjectKey: (SubjectID) -> SecretBytes?
  ) -> AuditPart {
    var key: SecretBytes? = sealing
    if part.underSubjectKey { key = part.subject.flatMap(subjectKey) }
    guard let key else { return .erased }
    // A failure to authenticate is an answer here, not an error: the reader is told.
    guard
      let opened = try? AEAD.open(
        part.bytes, key: key, additional: SealedPart.additional(part.index, part.name)),
      let committed = CommittedPart(name: part.name, opened: opened),
      committed.commitment == entry.commitment(of: part.name)
    else { return .altered }
    return .readable(String(decoding: committed.value, as: UTF8.self))
  }
}

extension RecordedEntry {
  /// The parts the entry committed to.
  var partNames: [String] {
    guard case .object(let personal)? = CanonicalJSON(parsing: bytes)?["personal"] else { return [] }
    return [AuditEntry.actorPart] + personal.keys
  }
}
