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
      return try await residueScoped(row, markers: Markers(), until: row.completedAt ?? row.requestedAt)
    }
    return try await residue(row, subject: row.subject, markers: Markers())
  }

  /// What is still there, in words that name stores and counts only.
  func residue(_ row: ErasureRow, subject: SubjectID?, markers: Markers) async throws -> [String] {
    var findings: [String] = []
    let (tenant, hash) = (tenant, row.subjectHash)
    let subject = subject ?? SubjectID(rawValue: 0)
    let audit = audit
    let counts = try await database.transaction { tx in
      try Erasures.residue(subject: subject, hash: hash, tenant: tenant, in: tx)
        + [("audit_parts", audit.partCount(about: hash, tenant: tenant, in: tx))]
    }
    findings += counts.filter { $0.count > 0 }.map { "database: \($0.count) \($0.what)" }
    vault.forget([.subject(tenant, subject)])
    if try await !vault.keys([.subject(tenant, subject)], creating: false).isEmpty {
      findings.append("keys: the subject's key still exists")
    }
    findings += try await indexResidue(subject)
    findings += try await archiveResidue(subject)
    // What is kept as evidence is there to be handed over.
    let packages = try await database.transaction { tx in
      try Preservations.of(subjects: [subject], tenant: tenant, in: tx).isEmpty
        ? Exports.count(containing: subject, in: tx) : 0
    }
    if packages > 0 { findings.append("packages: \(packages)") }
    findings += try await packagesLeft(of: subject)
    findings += try ByteScan(markers).files(in: settings.home).map { "file \($0) holds the person's bytes" }
    return findings
  }

  /// Withdrawn packages whose files are still there, as far as they were not handed over.
  func packagesLeft(of subject: SubjectID) async throws -> [String] {
    let left = try await database.transaction { tx in
      try Exports.withdrawn(containing: subject, handedOver: false, limit: Self.packagesNamed, in: tx)
    }
    guard !left.isEmpty else { return [] }
    let names = left.map { Handle.text("export", $0) }.joined(separator: ", ")
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

  /// Erases again whom a restored database brought back. Returns the erasures that ran.
  package static func revived(database: PostgresPool, home: String) async throws -> [LedgerFile.Entry] {
    let entries = try LedgerFile(home: home).entries()
    return try await database.transaction { tx in
      var revived: [LedgerFile.Entry] = []
      for entry in entries.sorted(by: { $0.erasure < $1.erasure }) {
        guard entry.scope == .subject else {
          if try isRevived(entry, in: tx) { revived.append(entry) }
          continue
        }
        let known = try Subjects.find(hashes: [entry.hash], tenant: entry.tenant, in: tx)
        let running = try Erasures.find(entry.erasure, in: tx).map { !$0.state.isSettled } ?? false
        if !known.isEmpty, !running { revived.append(entry) }
      }
      return revived
    }
  }

  /// A scope lives on in part, so that the request itself tells: a database that knows nothing of it is older.
  private static func isRevived(_ entry: LedgerFile.Entry, in tx: borrowing Transaction) throws -> Bool {
    guard try Erasures.find(entry.erasure, in: tx) == nil else { return false }
    switch entry.scope {
    case .message(let key): return try Locators.find(key, in: tx) != nil
    case .conversation(_, let id), .subjectIn(_, let id):
      return try !Conversations.find([id], tenant: entry.tenant, in: tx).isEmpty
    case .subject: return false
    }
  }

  private func replayScoped(_ entry: LedgerFile.Entry, actor: String) async throws -> Certificate {
    let (tenant, now) = (tenant, now())
    try await database.transaction { tx in
      var subject: SubjectID?
      if case .message(let key) = entry.scope { subject = try Locators.find(key, in: tx)?.sender }
      if case .subjectIn = entry.scope {
        subject = try Subjects.find(hashes: [entry.hash], tenant: tenant, in: tx).first?.id
      }
      try Erasures.insert(
        id: entry.erasure, tenant: tenant, scope: entry.scope, subjectHash: entry.hash, subject: subject,
        requesterHash: [], sealed: [], at: now, due: now, in: tx)
      try Erasures.reopen(entry.erasure, subject: subject, in: tx)
    }
    return try await run(entry.erasure, actor: actor)
  }

  package func replay(_ entry: LedgerFile.Entry, actor: String) async throws -> Certificate {
    if entry.scope != .subject { return try await replayScoped(entry, actor: actor) }
    let (tenant, now) = (tenant, now())
    try await database.transaction { tx in
      guard let subject = try Subjects.find(hashes: [entry.hash], tenant: tenant, in: tx).first?.id else {
        return
      }
      if try Erasures.find(entry.erasure, in: tx) == nil {
        try Erasures.insert(
          id: entry.erasure, tenant: tenant, subjectHash: entry.hash, subject: subject, requesterHash: [],
          sealed: [],
          at: now, due: now, in: tx)
      }
      try Erasures.reopen(entry.erasure, subject: subject, in: tx)
    }
    return try await run(entry.erasure, actor: actor)
  }
}
