import AuditLog
import Catalog
import Foundation
import History
import KeyVault
import Model
package import Postgres
import SearchIndex

extension ErasureService {
  /// Looks again in every store, years later if need be; empty when nothing is left.
  package func verify(_ id: Int64) async throws -> [String] {
    let row = try await find(id)
    guard row.state.isSettled else {
      throw ErasureError(.notCompleted, "this erasure is not completed yet")
    }
    guard row.scope == .subject else {
      return try await residueScoped(
        row, markers: Markers(), until: row.completedAt ?? row.requestedAt, packagesUntil: row.requestedAt
      ).findings
    }
    return try await residue(row, subject: row.subject, markers: Markers()).findings
  }

  /// Looks in every store. Of somebody nobody knows there is no number to look for: the database and files are asked
  /// for their id alone.
  func residue(_ row: ErasureRow, subject: SubjectID?, markers: Markers) async throws -> Residue {
    var residue = Residue()
    let (tenant, hash, audit) = (tenant, row.subjectHash, audit)
    let counts = try await database.transaction { tx in
      try Erasures.residue(subject: subject ?? Self.nobody, hash: hash, tenant: tenant, in: tx)
        + [("audit_parts", audit.partCount(about: hash, tenant: tenant, in: tx))]
    }
    residue.looked(
      into: "database", counts.filter { $0.count > 0 }.map { "database: \($0.count) \($0.what)" })
    if let subject { try await look(for: subject, &residue) }
    try residue.scan(markers, home: settings.home, whose: "the person's")
    return residue
  }

  /// Number zero stands where a name was taken off.
  private static let nobody = SubjectID(rawValue: -1)

  private func look(for subject: SubjectID, _ residue: inout Residue) async throws {
    let tenant = tenant
    vault.forget([.subject(tenant, subject)])
    let keys = try await vault.keys([.subject(tenant, subject)], creating: false)
    residue.looked(into: "keys", keys.isEmpty ? [] : ["keys: the subject's key still exists"])
    residue.looked(into: "index", try await indexResidue(subject))
    residue.looked(into: "archive", try await archiveResidue(subject))
    // What is kept as evidence is there to be handed over.
    let packages = try await database.transaction { tx -> Int? in
      guard try Preservations.of(subjects: [subject], tenant: tenant, in: tx).isEmpty else { return nil }
      return try Exports.count(containing: subject, in: tx)
    }
    let left = try await packagesLeft(of: subject)
    if let packages {
      residue.looked(into: "packages", (packages > 0 ? ["packages: \(packages)"] : []) + left)
    } else {
      residue.findings += left
    }
  }

  /// Withdrawn packages whose files are still there, as far as they were not handed over.
  func packagesLeft(of subject: SubjectID) async throws -> [String] {
    let left = try await database.transaction { tx in
      try Exports.withdrawn(containing: subject, handedOver: false, limit: Self.packagesNamed, in: tx)
    }
    return Self.named(left)
  }

  /// Of withdrawn packages that could not be removed.
  static func named(_ packages: [Int64]) -> [String] {
    guard !packages.isEmpty else { return [] }
    let names = packages.map { Handle.text("export", $0) }.joined(separator: ", ")
    return [
      "packages that are being written, cannot be removed, or lie below the home of another server, where this has to "
        + "run: \(names)"
    ]
  }

  static let packagesNamed = 20

  private func indexResidue(_ subject: SubjectID) async throws -> [String] {
    var query = IndexQuery(
      clauses: [IndexClause(conversation: nil, tree: .term(IndexTerms.sender(subject)))],
      scope: .everything(term: IndexTerms.tenant(tenant)))
    query.limit = 1
    let matches = try await index.search(query, groups: nil).matches
    return matches > 0 ? ["index: \(matches) documents"] : []
  }

  /// Opens blocks of the conversations the subject wrote in, and looks for a lane of theirs that can be read.
  private func archiveResidue(_ subject: SubjectID) async throws -> [String] {
    let places = try await database.transaction { tx in
      Array(
        Dictionary(
          try Locators.bySender(subject, states: [.erased], after: nil, limit: 200, in: tx)
            .map { ($0.conversation, $0) }, uniquingKeysWith: { first, _ in first }
        ).values)
    }
    for place in places {
      let blocks = try await database.transaction { tx in
        try Archive.blocks(
          holding: [place.position], route: place.route, conversation: place.conversation, in: tx)
      }
      for block in blocks
      where try await history.archive.messages(block).contains(where: { $0.sender == subject }) {
        return ["archive: segment \(block.segment) still opens"]
      }
    }
    return []
  }

  /// What the ledger outside the database names and the database, restored from before, does not know of or thinks
  /// has never begun. Only what is under way by the database's own account is left to whoever runs it.
  /// - Throws: ``ErasureError`` `.ledger`.
  package static func revived(database: PostgresPool, home: String) async throws -> [LedgerFile.Entry] {
    let entries = try LedgerFile(home: home).entries()
    return try await database.transaction { tx in
      let tenants = Set(try Tenants.all(in: tx).map(\.id))
      // Of a tenant that the database does not have, nobody can come back.
      return try entries.filter { try tenants.contains($0.tenant) && isRevived($0, in: tx) }
        .sorted { $0.erasure < $1.erasure }
    }
  }

  private static func isRevived(_ entry: LedgerFile.Entry, in tx: borrowing Transaction) throws -> Bool {
    switch try Erasures.find(entry.erasure, in: tx)?.state {
    case .running, .partial: return false
    case .requested, .planned, .approved, .withdrawn, .refused: return true
    case .completed, .restricted:
      return try entry.scope == .subject
        && !Subjects.find(hashes: [entry.hash], tenant: entry.tenant, in: tx).isEmpty
    case nil:
      switch entry.scope {
      // Unknown people too: the database would take them in again.
      case .subject: return true
      case .message(let key): return try Locators.find(key, in: tx) != nil
      case .conversation(_, let id), .subjectIn(_, let id):
        return try !Conversations.find([id], tenant: entry.tenant, in: tx).isEmpty
      }
    }
  }

  /// Erases again what a restored database brought back.
  package func replay(_ entry: LedgerFile.Entry, actor: String) async throws -> Certificate {
    let (tenant, now) = (tenant, now())
    try await database.transaction { tx in
      let subject: SubjectID? =
        switch entry.scope {
        case .subject, .subjectIn:
          try Subjects.find(hashes: [entry.hash], tenant: tenant, in: tx).first?.id
        case .message(let key): try Locators.find(key, in: tx)?.sender
        case .conversation: nil
        }
      if try Erasures.find(entry.erasure, in: tx) == nil {
        try Erasures.insert(
          id: entry.erasure, tenant: tenant, scope: entry.scope, subjectHash: entry.hash, subject: subject,
          requesterHash: [], sealed: [], at: now, due: now, in: tx)
      }
      try Erasures.reopen(entry.erasure, subject: subject, in: tx)
    }
    return try await run(entry.erasure, actor: actor)
  }
}
