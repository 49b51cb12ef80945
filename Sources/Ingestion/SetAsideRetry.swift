import Catalog
import History
import Model
import Postgres

/// Lists what was set aside, and tries it again.
package struct SetAsideStore: Sendable {
  private let ingestor: Ingestor

  package init(ingestor: Ingestor) { self.ingestor = ingestor }

  package struct Entry: Sendable, Encodable {
    package let id: String
    package let source: String?
    package let line: Int64
    package let code: String
    package let detail: String
    package let arrivedAt: String
    package let expiresAt: String

    enum CodingKeys: String, CodingKey {
      case id, source, line, code, detail
      case arrivedAt = "arrived_at"
      case expiresAt = "expires_at"
    }
  }

  private static let pageSize = 500

  /// Every entry in order of arrival; the raw lines stay sealed.
  package func list(_ each: (Entry) throws -> Void) async throws {
    try await pages { rows in
      for row in rows {
        try each(
          Entry(
            id: "set-aside-" + String(UInt64(bitPattern: row.id), radix: 16), source: try opened(row)?.source,
            line: row.line, code: row.code, detail: row.detail, arrivedAt: row.arrivedAt.rfc3339,
            expiresAt: row.expiresAt.rfc3339))
      }
    }
  }

  /// Sends every kept line through the decoder and the store again; what goes through leaves the set.
  package func retry(decoder: BatchDecoder) async throws -> IngestResult {
    var result = IngestResult()
    let began = ingestor.now()
    try await pages { rows in
      // What is set aside anew, for another reason than before, has had its turn.
      for row in rows where row.arrivedAt <= began {
        guard let kept = try opened(row), !kept.raw.isEmpty else {
          result.setAsideCount += 1
          continue
        }
        var lines = LineBatch(source: kept.source)
        lines.append(row.line, kept.raw)
        let outcome = try await ingestor.store(await decoder.decode(lines))
        result += outcome
        // Refused for the reason it had: its row is the same one.
        guard outcome.setAside.first?.code != row.code else { continue }
        let database = ingestor.database
        try await database.transaction { tx in try SetAside.remove([row.id], in: tx) }
      }
    }
    return result
  }

  private func pages(_ body: ([SetAsideRow]) async throws -> Void) async throws {
    let tenant = ingestor.directory.tenant.id
    var cursor: SetAsideRow?
    while true {
      let after = cursor
      let rows = try await ingestor.database.transaction { tx in
        try SetAside.list(tenant: tenant, after: after, limit: Self.pageSize, in: tx)
      }
      guard let last = rows.last else { return }
      try await body(rows)
      cursor = last
    }
  }

  private func opened(_ row: SetAsideRow) throws -> (source: String, raw: [UInt8])? {
    guard let sealed = row.sealed else { return nil }
    return try SetAsideSeal(vault: ingestor.vault, tenant: row.tenant).open(sealed, id: row.id)
  }
}
