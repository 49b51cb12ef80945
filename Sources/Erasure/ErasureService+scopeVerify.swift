import Catalog
import History
import KeyVault
import Model
import Postgres
import SearchIndex

extension ErasureService {
  /// What holds and locked floors keep of the scope, in the certificate's words.
  func kept(_ row: ErasureRow) async throws -> [Certificate.Statement.Remains] {
    let (tenant, now) = (tenant, now())
    var holds: [Int64: Int] = [:]
    var (floors, floorEnd, waiting) = (0, Timestamp?.some(.earliest), 0)
    try await forEachBatch(row, states: [.restricted]) { batch in
      let grounds = try await database.transaction { tx in
        try Grounds(of: batch.map(\.key), tenant: tenant, at: now, in: tx)
      }
      for locator in batch {
        let all = grounds.byKey[locator.key] ?? []
        if all.isEmpty { waiting += 1 }
        for hold in all.compactMap(\.hold) { holds[hold, default: 0] += 1 }
        if let floor = grounds.floors[locator.key] {
          floors += 1
          floorEnd = floorEnd.flatMap { old in floor.until.map { max(old, $0) } }
        }
      }
    }
    var remains = try await self.remains(holds)
    if floors > 0 {
      remains.append(
        .init(
          what: "\(floors) messages, hidden from everybody else",
          until: floorEnd?.rfc3339 ?? "the end of the duty to keep",
          ground: "locked retention: GDPR Art. 17(3)(b)"))
    }
    if waiting > 0 {
      remains.append(
        .init(
          what: "\(waiting) messages, hidden", until: "the end of the grace after a hold's release",
          ground: "a legal hold that was released: GDPR Art. 17(3)(e)"))
    }
    return remains
  }

  private func remains(_ holds: [Int64: Int]) async throws -> [Certificate.Statement.Remains] {
    let rows = try await database.transaction { tx in
      try holds.keys.sorted().compactMap { try Holds.find($0, in: tx) }
    }
    return rows.map { row in
      // A silent hold is nobody's to know of; the certificate is made to be handed out.
      let name = row.silent ? "a legal hold" : Handle.text("hold", row.id)
      return .init(
        what: "\(holds[row.id] ?? 0) messages, hidden from everybody else", until: "the release of \(name)",
        ground: "\(name): GDPR Art. 17(3)(e)")
    }
  }

  func markers(_ row: ErasureRow) async throws -> Markers {
    var markers = Markers()
    try await forEachBatch(row, states: [.live]) { batch in
      guard !markers.isFull else { return }
      for message in try await history.messages(batch.map(\.place)) { markers.add(message) }
    }
    return markers
  }

  /// Looks for what is still there of the scope and nothing keeps.
  func residueScoped(_ row: ErasureRow, markers: Markers, until: Timestamp, packagesUntil: Timestamp)
    async throws -> Residue
  {
    var (residue, live) = (Residue(), 0)
    try await forEachBatch(row, states: [.live]) { batch in
      live += batch.count { $0.position.createdAt <= until }
    }
    residue.looked(into: "database", live > 0 ? ["database: \(live) messages"] : [])
    if let place = try await place(row) {
      let hot = try await hotResidue(row, place)
      if hot > 0 { residue.findings.append("database: \(hot) hot_rows") }
      residue.looked(into: "index", try await indexResidue(row, place, until: until))
      residue.looked(into: "archive", try await archiveResidue(row, place))
    }
    let packages = try await database.transaction { tx in
      try Exports.count(
        holdingErased: row.scope, by: row.subject, tenant: row.tenant, madeUpTo: packagesUntil, in: tx)
    }
    let left = try await database.transaction { tx in
      try Exports.withdrawn(
        holdingErased: row.scope, by: row.subject, tenant: row.tenant, madeUpTo: packagesUntil,
        limit: Self.packagesNamed, in: tx)
    }
    residue.looked(
      into: "packages", (packages > 0 ? ["packages: \(packages)"] : []) + Self.named(left))
    // Markers may be in what is kept: then the files that hold that are no residue.
    if try await kept(row).isEmpty {
      try residue.scan(markers, home: settings.home, whose: "the messages'")
    } else {
      residue.skipFiles(because: Residue.keptBytes)
    }
    return residue
  }

  private func hotResidue(_ row: ErasureRow, _ place: (route: RouteKey, id: ConversationID)) async throws
    -> Int
  {
    var (sender, message) = (row.subject, MessageKey?.none)
    switch row.scope {
    case .message(let key): message = key
    case .conversation: sender = nil
    case .subject, .subjectIn: break
    }
    let wanted = (sender, message)
    return try await database.transaction { tx in
      try Erasures.erasedHotRows(
        route: place.route, conversation: place.id, sender: wanted.0, message: wanted.1, in: tx)
    }
  }

  private func indexResidue(
    _ row: ErasureRow, _ place: (route: RouteKey, id: ConversationID), until: Timestamp
  ) async throws -> [String] {
    var query = IndexQuery(
      clauses: [], scope: .everything(term: IndexTerms.tenant(tenant)), until: until.adding(seconds: 1),
      conversations: [place.id], limit: 100)
    if let subject = row.subject { query.senders = [subject] }
    var position: MessagePosition?
    if case .message(let key) = row.scope {
      position = try await database.transaction { tx in try Locators.find(key, in: tx)?.position }
      query.from = position?.createdAt
      query.until = position?.createdAt.adding(seconds: 1)
      query.limit = IndexQuery.limitMax
    }
    let hits = try await index.search(query, groups: nil).hits.filter {
      position == nil || $0.position == position
    }
    return hits.isEmpty ? [] : ["index: \(hits.count) documents"]
  }

  /// Opens the blocks that may hold any of it: an erased message must not come out of one.
  private func archiveResidue(_ row: ErasureRow, _ place: (route: RouteKey, id: ConversationID)) async throws
    -> [String]
  {
    var after = MessagePosition.start
    while true {
      let (start, before) = (after, MessagePosition.end)
      let blocks = try await database.transaction { tx in
        try Archive.blocks(
          route: place.route, conversation: place.id, after: start, before: before, ascending: true,
          limit: 64, in: tx)
      }
      for block in blocks {
        let keys = try await history.archive.messages(block).map(\.key)
        let erased = try await database.transaction { tx in
          try Locators.find(keys, in: tx).values.contains { $0.state == .erased && Self.contains(row, $0) }
        }
        if erased { return ["archive: segment \(block.segment) still holds an erased message"] }
      }
      guard blocks.count == 64, let last = blocks.map(\.last).max(), last > after else { return [] }
      after = last
    }
  }

  private static func contains(_ row: ErasureRow, _ locator: Locator) -> Bool {
    switch row.scope {
    case .message(let key): locator.key == key
    case .conversation(_, let id): locator.conversation == id
    case .subjectIn(_, let id): locator.conversation == id && locator.sender == row.subject
    case .subject: locator.sender == row.subject
    }
  }
}
