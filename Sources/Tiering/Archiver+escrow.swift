import AuditLog
import Catalog
import History
import KeyVault
import Model
import Postgres
import Sodium

extension Archiver {
  package struct Escrow: Sendable {
    package var segments = 0
    package var periods = 0
    package var conversations = 0
    package var people = 0
    package var dictionaries = 0

    package init() {}
  }

  /// Notes who takes the keys out and why: before it happens, so that nobody has them without a record.
  package func recordEscrow(reason: String, recipients: [String], actor: String) async throws {
    let (tenant, audit, now) = (tenant.id, audit, now())
    try await database.transaction { tx in
      _ = try audit.append(
        [
          AuditEntry(
            tenant: tenant, actor: actor, action: "archive.keys_exported", object: "archive",
            details: ["reason": reason, "recipients": recipients.joined(separator: ",")])
        ], at: now, in: tx)
    }
  }

  /// All that opens the tenant's segments without the database and the keystore, in the lines of
  /// `Schemas/formats/escrow-v1.md`; `write` seals them. A batch of keys is in memory at a time, and zeroed after.
  package func escrow(reason: String, write: ([UInt8]) throws -> Void) async throws -> Escrow {
    var done = Escrow()
    var lines = 0
    func put(_ line: EscrowLine) throws {
      var bytes = line.bytes
      defer { SecretBytes.zero(&bytes) }
      lines += 1
      try write(bytes)
    }
    try put(
      EscrowLine([
        .number("muniment_escrow", 1), .text("tenant", tenant.name),
        .number("tenant_number", tenant.id.rawValue),
        .text("made_at", now().rfc3339), .text("reason", reason),
      ]))
    let tenant = tenant.id
    let segments = try await database.transaction { tx in try Archive.segments(tenant: tenant, in: tx) }
    for segment in segments {
      try put(
        EscrowLine([
          .text("segment", segment.id), .number("class", Int64(segment.retentionClass)),
          .number("period", Int64(segment.period.rawValue)), .number("bytes", segment.bytes),
          .text("blake2b", segment.hash.hex),
        ]))
    }
    done.segments = segments.count
    for id in Set(segments.compactMap(\.dictionary)).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      guard let bytes = try await history.archive.dictionaries.bytes(id, tenant: tenant) else { continue }
      try put(EscrowLine([.text("dictionary", id.hex), .text("content", bytes.hex)]))
      done.dictionaries += 1
    }
    try await keys(&done, put)
    try put(EscrowLine([.number("lines", Int64(lines))]))
    return done
  }

  private static let ownersAtOnce = 1_000

  private func keys(_ done: inout Escrow, _ put: (EscrowLine) throws -> Void) async throws {
    let directory = Directory(tenant: tenant, database: database, vault: vault)
    var last: KeyOwner?
    repeat {
      let owners = try await vault.owners(
        of: tenant.id, kinds: [.subject, .conversation, .period], after: last, limit: Self.ownersAtOnce)
      last = owners.count == Self.ownersAtOnce ? owners.last : nil
      let names = try await EscrowNames(owners, in: directory)
      let keys = try await vault.keys(Set(owners), creating: false)
      for owner in owners {
        guard let key = keys[owner] else { continue }
        switch owner {
        case .period: done.periods += 1
        case .conversation: done.conversations += 1
        case .subject: done.people += 1
        case .matter, .request: continue
        }
        try put(EscrowLine(names.fields(of: owner) + [.key("key", key)]))
      }
    } while last != nil
  }
}

/// Who and what keys belong to, outside.
private struct EscrowNames {
  private let people: [SubjectID: SubjectProfile]
  private let rooms: [ConversationID: ConversationCard]

  init(_ owners: [KeyOwner], in directory: Directory) async throws {
    var (subjects, conversations): (Set<SubjectID>, Set<ConversationID>) = ([], [])
    for owner in owners {
      switch owner {
      case .subject(_, let id): subjects.insert(id)
      case .conversation(_, let id): conversations.insert(id)
      case .period, .matter, .request: break
      }
    }
    people = try await directory.profiles(subjects)
    rooms = try await directory.cards(conversations)
  }

  func fields(of owner: KeyOwner) -> [EscrowLine.Field] {
    switch owner {
    case .subject(_, let id):
      [.number("subject", id.rawValue)] + text("id", people[id]?.id) + text("name", people[id]?.displayName)
    case .conversation(_, let id):
      [.number("conversation", id.rawValue)] + text("id", rooms[id]?.profile.id)
        + text("name", rooms[id]?.profile.name)
    case .period(_, let retentionClass, let period):
      [.number("period", Int64(period.rawValue)), .number("class", Int64(retentionClass))]
    case .matter, .request: []
    }
  }

  private func text(_ name: String, _ value: String?) -> [EscrowLine.Field] {
    value.map { [.text(name, $0)] } ?? []
  }
}
