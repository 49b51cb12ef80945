import AuditLog
package import Catalog
import Erasure
import Exporting
import Foundation
import History
import Model
import Postgres
import Sodium

extension SubjectRequestService {
  /// Who carries requests out, in the audit log.
  package static let worker = "opendsr"
  /// After a failure a request is tried again after this long, in seconds.
  private static let retrySeconds: Int64 = 900

  /// Whether something is to be carried out now, and not only told.
  package func isDue(_ row: SubjectRequestRow) async throws -> Bool {
    guard [.pending, .inProgress].contains(row.state) else { return false }
    if row.kind != .erasure { return true }
    return try await erasures(of: row).contains { Self.runs($0.state) }
  }

  /// Carries out what may be, and notes where the request stands. A failure puts it off.
  package func work(_ row: SubjectRequestRow) async throws {
    do {
      if row.kind == .erasure {
        for erasure in try await erasures(of: row) where Self.runs(erasure.state) {
          try await begin(row)
          _ = try await self.erasure.run(erasure.id, actor: Self.worker)
        }
      } else if [.pending, .inProgress].contains(row.state) {
        try await makePackages(row)
      }
    } catch {
      try await putOff(row)
      throw error
    }
    _ = try await refresh(try await find(row.id))
  }

  /// The request's row as its erasures stand now; tells the controller what has changed.
  package func refresh(_ row: SubjectRequestRow) async throws -> SubjectRequestRow {
    guard row.kind == .erasure else { return row }
    let erasures = try await erasures(of: row)
    var next = row
    (next.state, next.outcome) = Self.standing(erasures.map(\.state))
    // Its erasures are as they were until the first of them begins: a request does not go back meanwhile.
    if row.state == .inProgress, next.state == .pending { next.state = .inProgress }
    next.expectedAt = erasures.map(\.dueAt).max() ?? row.expectedAt
    guard next != row else { return row }
    // Somebody carries it out: that is not to be done twice at once.
    if next.state == .inProgress { try await putOff(row) }
    try await store(next, nil, ifStill: row.state)
    return try await find(row.id)
  }

  /// What a controller reads of several erasures. `cancelled` where nothing was erased: a denial must not be taken
  /// for an erasure by somebody who does not know our extension.
  static func standing(_ states: [ErasureRow.State]) -> (SubjectRequestRow.State, SubjectRequestRow.Outcome?)
  {
    if states.contains(where: { $0 == .running || $0 == .partial }) {
      return (.inProgress, states.contains(.partial) ? .partial : nil)
    }
    if states.contains(where: \.isOpen) {
      return (states.contains(where: \.isSettled) ? .inProgress : .pending, nil)
    }
    if states.allSatisfy({ $0 == .withdrawn }) { return (.cancelled, nil) }
    if states.allSatisfy({ $0 == .withdrawn || $0 == .refused }) { return (.cancelled, .denied) }
    if states.allSatisfy({ $0 == .completed }) { return (.completed, .complete) }
    return (.completed, states.allSatisfy { $0 == .restricted } ? .restricted : .partial)
  }

  /// One that was begun and is not done belongs to a process that died, or failed: it is repeated, after a while.
  private static func runs(_ state: ErasureRow.State) -> Bool {
    [.approved, .running, .partial].contains(state)
  }

  func erasures(of row: SubjectRequestRow) async throws -> [ErasureRow] {
    var found: [ErasureRow] = []
    for number in row.objects.compactMap({ Handle.number("erasure", $0) }) {
      found.append(try await erasure.find(number))
    }
    return found
  }

  func exports(of row: SubjectRequestRow) async throws -> [ExportRecord] {
    var found: [ExportRecord] = []
    for id in row.objects where id.hasPrefix("export-") { found.append(try await exporter.show(id)) }
    return found
  }

  /// Another process that looks at the request meanwhile lets it be.
  private func begin(_ row: SubjectRequestRow) async throws {
    try await putOff(row)
    guard row.state == .pending else { return }
    var next = row
    next.state = .inProgress
    try await store(next, nil, ifStill: .pending)
  }

  private func putOff(_ row: SubjectRequestRow) async throws {
    let next = now().adding(seconds: Self.retrySeconds)
    try await database.transaction { tx in try SubjectRequests.postpone(row, to: next, in: tx) }
  }

  /// A package of everything held on each person. Those that are made are noted one by one.
  private func makePackages(_ row: SubjectRequestRow) async throws {
    try await begin(row)
    var next = try await find(row.id)
    guard next.state == .inProgress else { return }
    let folder = home + "/exports"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    while let subject = next.subjects.first {
      let path = "\(folder)/\(Randomness.bytes(12).hex).zip"
      let record = try await exporter.create(
        ExportSelection(subject: subject), formats: [.dsar], output: path, as: .zip, actor: Self.worker)
      next.objects.append(record.id)
      next.subjects.removeFirst()
      try await store(next, nil, ifStill: .inProgress)
    }
    let made = try await exports(of: next)
    next.state = .completed
    next.outcome = made.isEmpty ? .nothingHeld : made.allSatisfy(\.isComplete) ? .complete : .partial
    try await store(next, entry("opendsr.completed", next, Self.worker, [:]), ifStill: .inProgress)
  }
}

extension SubjectRequestService {
  /// What a controller is told. `isOwn`: in reply to a question of theirs, and with all there is to say.
  func status(
    _ row: SubjectRequestRow, state: SubjectRequestRow.State? = nil,
    outcome: SubjectRequestRow.Outcome? = nil, callback: String? = nil
  ) async throws -> OpenDSRStatus {
    let isOwn = callback == nil
    let exports = row.kind == .erasure ? [] : try await exports(of: row)
    var extra = OpenDSROutcome(outcome: isOwn ? row.outcome : outcome)
    if isOwn, row.kind == .erasure { try await explain(row, &extra) }
    if isOwn, row.kind != .erasure { extra.exports = exports.map(\.id) }
    let state = state ?? row.state
    let isDone = state == .completed && row.kind != .erasure
    return OpenDSRStatus(
      controllerID: directory.tenant.name, requestID: row.id, expected: row.expectedAt.rfc3339, state: state,
      callbackURL: callback,
      resultsURL: isDone ? exports.first.map { "\(settings.baseURL)/v1/exports/\($0.id)/content" } : nil,
      resultsCount: isDone ? exports.reduce(0) { $0 + $1.counts.messages } : nil,
      extensions: [settings.domain: extra])
  }

  private func explain(_ row: SubjectRequestRow, _ extra: inout OpenDSROutcome) async throws {
    let erasures = try await erasures(of: row)
    extra.erasures = row.objects
    extra.stores = try erasures.map { try AnyJSON(parsing: $0.steps) }
    extra.certificateURLs = erasures.filter { $0.certificate != nil }.map {
      "\(settings.baseURL)/v1/erasures/\(Handle.text("erasure", $0.id))/certificate"
    }
    extra.kept = try erasures.filter { $0.state == .restricted }.flatMap { row in
      guard let text = row.certificate else { return [OpenDSROutcome.Kept]() }
      return try Certificate(json: text).statement().remains.filter { $0.ground.contains("17(3)") }.map {
        OpenDSROutcome.Kept(what: $0.what, until: $0.until, ground: $0.ground)
      }
    }
  }

  /// The body of a callback, and where it goes; `nil`: there is no such address.
  package func callback(_ call: CallbackRow) async throws -> (url: String, body: [UInt8])? {
    let row = try await find(call.request)
    let seal = CallbackSeal(vault: vault, tenant: tenant, request: row.id)
    guard let urls = seal.open(row.sealed), urls.indices.contains(call.url) else { return nil }
    let url = urls[call.url]
    let status = try await status(row, state: call.state, outcome: call.outcome, callback: url)
    return (url, Reply.bytes(of: status))
  }
}
