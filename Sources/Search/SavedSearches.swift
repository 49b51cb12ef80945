import Catalog
package import History
package import KeyVault
package import Model
package import Postgres
import Sodium

/// Searches that members keep for themselves, and compliance for a case. Nothing that was found is kept: running one
/// asks anew, as whoever runs it.
package struct SavedSearches: Sendable {
  /// Whose searches are looked at.
  package enum Owner: Sendable, Hashable {
    case member(SubjectID)
    case hold(Int64)
  }

  private let directory: Directory
  private let database: PostgresPool
  private let vault: KeyVault
  private let now: @Sendable () -> Timestamp

  package init(
    directory: Directory, database: PostgresPool, vault: KeyVault, now: @escaping @Sendable () -> Timestamp
  ) {
    self.directory = directory
    self.database = database
    self.vault = vault
    self.now = now
  }

  package static let perOwnerMax = 200
  package static let nameBytesMax = 200
  package static let searchBytesMax = 65_536

  /// - Parameter search: the JSON of a search, which the caller has checked.
  package func save(_ name: String, _ search: [UInt8], owner: Owner) async throws -> SavedSearch {
    let isName = name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    guard (1...Self.nameBytesMax).contains(name.utf8.count), isName else {
      throw SearchError(
        .badQuery, "name has 1 to \(Self.nameBytesMax) bytes and no control characters")
    }
    guard search.count <= Self.searchBytesMax else {
      throw SearchError(.badQuery, "a search that is kept has at most \(Self.searchBytesMax) bytes")
    }
    try await check(owner)
    let saved = SavedSearch(
      id: Randomness.identifier(), owner: owner, name: name, search: search, createdAt: now())
    for _ in 0..<Self.attemptsMax {
      guard let hasRoom = try await insert(saved) else { continue }
      guard hasRoom else {
        throw SearchError(.tooMany, "there are \(Self.perOwnerMax) saved searches already; delete one first")
      }
      return saved
    }
    throw SearchError.unknownSaved
  }

  /// The vault may have forgotten a key by the time it is asked whether it still exists, and is then asked anew.
  private static let attemptsMax = 5

  /// Whether there was room; `nil`: the key it was sealed under has to be asked for again.
  private func insert(_ saved: SavedSearch) async throws -> Bool? {
    let (tenant, vault, owner) = (directory.tenant.id, vault, saved.owner)
    // A key that is destroyed between here and the transaction would seal the search away for ever.
    let key = owner.key(tenant)
    guard let secret = try await vault.keys([key], creating: owner.makesKey)[key] else {
      throw SearchError.unknownSaved
    }
    let row = SavedSearchRow(
      id: saved.id, owner: owner.row, sealed: SavedSearchSeal.seal(saved, key: secret, tenant: tenant),
      createdAt: saved.createdAt)
    return try await database.transaction { tx in
      if case .member(let subject) = owner {
        guard try Subjects.pin([subject], tenant: tenant, in: tx) else { throw SearchError.unknownSaved }
      }
      guard try vault.alive([key], in: tx) else { return nil }
      return try SavedSearchRows.insert(row, tenant: tenant, limit: Int64(Self.perOwnerMax), in: tx)
    }
  }

  /// In the order they were kept. Those whose key is destroyed are missing.
  package func list(owner: Owner) async throws -> [SavedSearch] {
    try await check(owner)
    let tenant = directory.tenant.id
    let rows = try await database.read { tx in
      try SavedSearchRows.list(of: owner.row, tenant: tenant, in: tx)
    }
    let key = owner.key(tenant)
    guard let secret = try await vault.keys([key], creating: false)[key] else { return [] }
    return try rows.map { try SavedSearchSeal.open($0, key: secret, tenant: tenant) }
  }

  /// One that the reader may see: a member's own, or for compliance any case's. What is another's is not there.
  package func find(_ id: Int64, reader: Reader) async throws -> SavedSearch {
    let tenant = directory.tenant.id
    let row = try await database.read { tx in try SavedSearchRows.find(id, tenant: tenant, in: tx) }
    guard let row, Self.isVisible(row.owner, to: reader) else { throw SearchError.unknownSaved }
    let key = Owner(row.owner).key(tenant)
    guard let secret = try await vault.keys([key], creating: false)[key] else {
      throw SearchError.unknownSaved
    }
    return try SavedSearchSeal.open(row, key: secret, tenant: tenant)
  }

  package func delete(_ id: Int64, reader: Reader) async throws {
    let tenant = directory.tenant.id
    try await database.transaction { tx in
      guard let row = try SavedSearchRows.find(id, tenant: tenant, in: tx),
        Self.isVisible(row.owner, to: reader)
      else { throw SearchError.unknownSaved }
      try SavedSearchRows.remove(id, tenant: tenant, in: tx)
    }
  }

  private static func isVisible(_ owner: SavedSearchRow.Owner, to reader: Reader) -> Bool {
    switch (owner, reader) {
    case (.member(let subject), .member(let asking)): subject == asking
    case (.hold, .compliance): true
    case (.member, .compliance), (.hold, .member): false
    }
  }

  /// Cases are holds of this tenant.
  private func check(_ owner: Owner) async throws {
    guard case .hold(let id) = owner else { return }
    let hold = try await database.read { tx in try Holds.find(id, in: tx) }
    guard hold?.tenant == directory.tenant.id else { throw SearchError.unknownSaved }
  }
}

/// A search somebody keeps, opened.
package struct SavedSearch: Sendable, Hashable {
  package let id: Int64
  package let owner: SavedSearches.Owner
  package let name: String
  /// The JSON body of `POST /v1/search`.
  package let search: [UInt8]
  package let createdAt: Timestamp

  package var handle: String { Handle.text("saved", id) }
}

extension SavedSearches.Owner {
  init(_ row: SavedSearchRow.Owner) {
    switch row {
    case .member(let subject): self = .member(subject)
    case .hold(let hold): self = .hold(hold)
    }
  }

  var row: SavedSearchRow.Owner {
    switch self {
    case .member(let subject): .member(subject)
    case .hold(let hold): .hold(hold)
    }
  }

  func key(_ tenant: TenantID) -> KeyOwner {
    switch self {
    case .member(let subject): .subject(tenant, subject)
    case .hold(let hold): .matter(tenant, hold)
    }
  }

  /// A person without a key is unknown or erased.
  var makesKey: Bool {
    switch self {
    case .member: false
    case .hold: true
    }
  }
}

extension SearchError {
  /// Said alike for what is not there and for what is somebody else's.
  static let unknownSaved = SearchError(
    .unknownSaved, "there is no such saved search, or it is not yours to see")
}

/// Seals name and search under a key derived from the owner's, bound to tenant and row.
private enum SavedSearchSeal {
  static func seal(_ saved: SavedSearch, key: SecretBytes, tenant: TenantID) -> [UInt8] {
    var writer = ByteWriter()
    writer.byte(1)
    writer.text(saved.name)
    writer.text(String(decoding: saved.search, as: UTF8.self))
    return AEAD.seal(writer.bytes, key: derived(key), additional: additional(tenant, saved.id))
  }

  static func open(_ row: SavedSearchRow, key: SecretBytes, tenant: TenantID) throws -> SavedSearch {
    let bytes = try AEAD.open(row.sealed, key: derived(key), additional: additional(tenant, row.id))
    var reader = ByteReader(bytes)
    guard try reader.byte() == 1 else { throw MalformedBytes("saved search version") }
    let (name, search) = (try reader.text(), try reader.text())
    guard reader.atEnd else { throw MalformedBytes("saved search") }
    return SavedSearch(
      id: row.id, owner: SavedSearches.Owner(row.owner), name: name, search: Array(search.utf8),
      createdAt: row.createdAt)
  }

  private static func derived(_ key: SecretBytes) -> SecretBytes {
    BLAKE2b.derive([key], context: Array("muniment/saved-search/v1".utf8))
  }

  private static func additional(_ tenant: TenantID, _ id: Int64) -> [UInt8] {
    var writer = ByteWriter()
    writer.fixed(tenant.rawValue)
    writer.fixed(id)
    return writer.bytes
  }
}
