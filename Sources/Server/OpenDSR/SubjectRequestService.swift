package import AuditLog
package import Catalog
package import Erasure
package import Exporting
import Foundation
package import History
package import KeyVault
package import Model
package import Postgres
import Sodium

/// Requests of data subjects as controllers hand them on, mapped on erasures and packages of what is held.
package struct SubjectRequestService: Sendable {
  let directory: Directory
  let database: PostgresPool
  let vault: KeyVault
  let audit: AuditLog
  let erasure: ErasureService
  let exporter: Exporter
  let home: String
  let settings: OpenDSRSettings
  let now: @Sendable () -> Timestamp

  package init(
    directory: Directory, database: PostgresPool, vault: KeyVault, audit: AuditLog, erasure: ErasureService,
    exporter: Exporter, home: String, settings: OpenDSRSettings, now: @escaping @Sendable () -> Timestamp
  ) {
    self.directory = directory
    self.database = database
    self.vault = vault
    self.audit = audit
    self.erasure = erasure
    self.exporter = exporter
    self.home = home
    self.settings = settings
    self.now = now
  }

  var tenant: TenantID { directory.tenant.id }

  package var signer: OpenDSRSigner {
    get throws(ProcessorCertificate.Refusal) {
      try OpenDSRSigner(vault: vault, tenant: tenant, settings: settings, at: now())
    }
  }

  /// As GDPR Art. 12(3) gives.
  private static let dueMonths = 1
  /// After this many seconds a request that was never taken in wholly is taken for dead.
  private static let abandonedSeconds: Int64 = 900

  /// Takes a request in, once for each number of the controller's.
  func receive(_ body: [UInt8], _ request: OpenDSRRequest, actor: String) async throws -> SubjectRequestRow {
    let (kind, subjects) = try request.checked(settings)
    let now = now()
    let seal = CallbackSeal(vault: vault, tenant: tenant, request: request.subject_request_id)
    var row = SubjectRequestRow(
      tenant: tenant, id: request.subject_request_id, kind: kind,
      bodyHash: BLAKE2b.hash(body, key: vault.derivedKey("opendsr-body/\(tenant.rawValue)")),
      sealed: seal.seal(request.status_callback_urls ?? []), receivedAt: now,
      expectedAt: now.adding(months: Self.dueMonths))
    if let known = try await claim(row) { return known }
    try await endAbandoned(row, actor: actor)
    do {
      let reason = request.extensions?[settings.domain]?.reason ?? "OpenDSR request \(row.id)"
      switch kind {
      case .erasure: try await askErasures(of: subjects, reason: reason, &row, actor: actor)
      case .access, .portability:
        for subject in subjects {
          if let number = try await directory.subject(subject) { row.subjects.append(number) }
        }
      }
      try await finishReceipt(row, callbacks: seal.open(row.sealed)?.count ?? 0, actor: actor)
    } catch {
      // What cannot be ended now is noted in the row: the next attempt at the same number ends it.
      if (try? await end(row.objects, actor: actor)) != nil {
        let (id, tenant) = (row.id, tenant)
        try? await database.transaction { tx in try SubjectRequests.abandon(id, tenant: tenant, in: tx) }
      }
      throw error
    }
    return try await find(row.id)
  }

  /// Erasures that an attempt made which died before it had taken the request in belong to nobody.
  private func endAbandoned(_ row: SubjectRequestRow, actor: String) async throws {
    let left = try await database.transaction { tx in
      try SubjectRequests.find(row.id, tenant: row.tenant, in: tx)?.objects ?? []
    }
    try await end(left, actor: actor)
    try await note(row)
  }

  private func end(_ objects: [String], actor: String) async throws {
    for number in objects.compactMap({ Handle.number("erasure", $0) })
    where ![.withdrawn, .refused].contains(try await erasure.find(number).state) {
      _ = try await erasure.end(
        number, as: .withdrawn, reason: "the request could not be taken in", actor: actor)
    }
  }

  private func note(_ row: SubjectRequestRow) async throws {
    try await database.transaction { tx in try SubjectRequests.setObjects(row, in: tx) }
  }

  /// The row of a repetition; `nil`: go ahead.
  private func claim(_ row: SubjectRequestRow) async throws -> SubjectRequestRow? {
    let abandoned = row.receivedAt.adding(seconds: -Self.abandonedSeconds)
    return try await database.transaction { tx in
      if try SubjectRequests.claim(row, abandonedBefore: abandoned, in: tx) { return nil }
      guard let known = try SubjectRequests.find(row.id, tenant: row.tenant, in: tx),
        known.bodyHash == row.bodyHash
      else {
        throw Problem(
          409, "subject_request_id_reused", "this subject_request_id was used for another request")
      }
      guard known.isReady else {
        throw Problem(409, "in_progress", "this request is being taken in; ask for its status")
      }
      return known
    }
  }

  private func finishReceipt(_ row: SubjectRequestRow, callbacks: Int, actor: String) async throws {
    let (audit, now) = (audit, now())
    let entry = entry("opendsr.received", row, actor, ["kind": row.kind.rawValue])
    try await database.transaction { tx in
      try SubjectRequests.setReady(row, in: tx)
      try SubjectRequestCallbacks.add(row, urls: callbacks, at: now, in: tx)
      _ = try audit.append([entry], at: now, in: tx)
    }
  }

  /// Requested and planned; a second person approves, unless the tenant does without.
  private func askErasures(
    of subjects: [String], reason: String, _ row: inout SubjectRequestRow, actor: String
  ) async throws {
    for subject in subjects {
      let made = try await erasure.request(
        subject: subject, reason: String(reason.prefix(1_024)), actor: actor)
      row.objects.append(Handle.text("erasure", made.id))
      try await note(row)
      _ = try await erasure.plan(made.id, actor: actor)
      if !directory.tenant.secondPerson { try await erasure.approve(made.id, actor: actor) }
      row.expectedAt = made.dueAt
    }
  }

  package func find(_ id: String) async throws -> SubjectRequestRow {
    let tenant = tenant
    let row = try await database.transaction { tx in try SubjectRequests.find(id, tenant: tenant, in: tx) }
    guard let row, row.isReady else {
      throw Problem(404, "unknown_subject_request", "there is no request of that subject_request_id")
    }
    return row
  }

  /// Takes a request back of which nothing was carried out.
  func cancel(_ id: String, actor: String) async throws -> SubjectRequestRow {
    var row = try await refresh(try await find(id))
    guard row.state == .pending else {
      throw Problem(
        409, "not_pending", "only a pending request can be cancelled; this one is \(row.state.rawValue)")
    }
    for number in row.objects.compactMap({ Handle.number("erasure", $0) })
    where ![.withdrawn, .refused].contains(try await erasure.find(number).state) {
      _ = try await erasure.end(number, as: .withdrawn, reason: "cancelled by the controller", actor: actor)
    }
    (row.state, row.subjects) = (.cancelled, [])
    try await store(row, entry("opendsr.cancelled", row, actor, [:]), ifStill: .pending)
    return row
  }

  /// Stores a new state and notes the calls it makes due; another's newer state stays.
  func store(_ row: SubjectRequestRow, _ entry: AuditEntry?, ifStill state: SubjectRequestRow.State)
    async throws
  {
    let (audit, now) = (audit, now())
    let urls = CallbackSeal(vault: vault, tenant: row.tenant, request: row.id).open(row.sealed)?.count ?? 0
    try await database.transaction { tx in
      guard let stored = try SubjectRequests.find(row.id, tenant: row.tenant, locking: true, in: tx),
        stored.state == state
      else { return }
      try SubjectRequests.update(row, in: tx)
      if (stored.state, stored.outcome) != (row.state, row.outcome) {
        try SubjectRequestCallbacks.add(row, urls: urls, at: now, in: tx)
      }
      if let entry { _ = try audit.append([entry], at: now, in: tx) }
    }
  }

  func entry(_ action: String, _ row: SubjectRequestRow, _ actor: String, _ details: [String: String])
    -> AuditEntry
  {
    AuditEntry(
      tenant: row.tenant, actor: actor, action: action, object: "subject-request \(row.id)", details: details)
  }
}

/// Keeps where to call back: an address may hold a secret of the controller's.
package struct CallbackSeal: Sendable {
  private let key: SecretBytes
  private let additional: [UInt8]

  package init(vault: KeyVault, tenant: TenantID, request: String) {
    key = vault.derivedKey("opendsr-callbacks/\(tenant.rawValue)")
    additional = Array(request.utf8)
  }

  func seal(_ urls: [String]) -> [UInt8] {
    var writer = ByteWriter()
    writer.fixed(Int64(urls.count))
    for url in urls { writer.text(url) }
    return AEAD.seal(writer.bytes, key: key, additional: additional)
  }

  /// `nil`: the row was changed from outside.
  package func open(_ sealed: [UInt8]) -> [String]? {
    guard let bytes = try? AEAD.open(sealed, key: key, additional: additional) else { return nil }
    var reader = ByteReader(bytes)
    guard let count = try? reader.fixed(Int64.self) else { return nil }
    return try? (0..<max(0, count)).map { _ in try reader.text() }
  }
}
