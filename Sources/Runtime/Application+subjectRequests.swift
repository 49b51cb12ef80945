import Blocking
import Catalog
import Curl
package import History
import Model
import Postgres
package import Server

extension Application {
  package func subjectRequests(_ directory: Directory) -> SubjectRequestService {
    SubjectRequestService(
      directory: directory, database: database, vault: vault, audit: audit, erasure: erasure(directory),
      exporter: exporter(directory), home: settings.home, settings: settings.openDSR, now: Self.clock)
  }

  private static let requestsAtOnce = 100

  /// How long a request of which nothing has changed waits for the next look, in seconds. What changes one wakes it.
  private static let restSeconds: Int64 = 3_600
  /// The same for one that could not be looked at.
  private static let failedSeconds: Int64 = 60

  /// Looks at the requests that are open: carries out those that may be, notes where the others stand. One that fails,
  /// or waits, keeps no other from its turn.
  package func workSubjectRequests() async throws {
    let now = Self.clock()
    let open = try await database.read { tx in
      try SubjectRequests.open(at: now, limit: Self.requestsAtOnce, in: tx)
    }
    guard !open.isEmpty else { return }
    let tenants = try await tenants(nil)
    var failure: (any Error)?
    for row in open {
      guard let tenant = tenants.first(where: { $0.id == row.tenant }) else { continue }
      do {
        if try await !look(at: row, subjectRequests(directory(tenant))) {
          try await rest(row, seen: now, seconds: Self.restSeconds)
        }
      } catch {
        failure = error
        try await rest(row, seen: now, seconds: Self.failedSeconds)
      }
    }
    if let failure { throw failure }
  }

  /// Returns whether anything was done or is told.
  private func look(at row: SubjectRequestRow, _ service: SubjectRequestService) async throws -> Bool {
    guard try await service.isDue(row) else { return try await service.refresh(row) != row }
    try await holding("subject-requests") { try await service.work(try await service.find(row.id)) }
    return true
  }

  private func rest(_ row: SubjectRequestRow, seen: Timestamp, seconds: Int64) async throws {
    let next = Self.clock().adding(seconds: seconds)
    try await database.transaction { tx in
      try SubjectRequests.rest(row, seen: seen, until: next, in: tx)
    }
  }

  private static let callsAtOnce = 20
  /// 15 s, doubled each time up to six hours: given up after about three days.
  private static let attemptsMax = 24

  static func pauseSeconds(afterAttempt attempt: Int) -> Int64 {
    min(15 << Int64(min(attempt - 1, 12)), 21_600)
  }

  /// Calls controllers back. A call is answered by any status of success; what is not is repeated, longer and longer
  /// apart, and given up at last.
  package func sendCallbacks() async throws {
    let now = Self.clock()
    guard canSign(at: now) else { return }
    let due = try await database.transaction { tx in
      try SubjectRequestCallbacks.take(
        limit: Self.callsAtOnce, at: now, again: now.adding(seconds: 300), in: tx)
    }
    guard !due.isEmpty else { return }
    let tenants = try await tenants(nil)
    for call in due {
      guard let tenant = tenants.first(where: { $0.id == call.tenant }) else { continue }
      let isDelivered = try await send(call, subjectRequests(directory(tenant)))
      let ended = isDelivered || call.attempts >= Self.attemptsMax
      let next = Self.clock().adding(seconds: Self.pauseSeconds(afterAttempt: call.attempts))
      try await database.transaction { tx in
        if ended {
          try SubjectRequestCallbacks.end(call, delivered: isDelivered, in: tx)
        } else {
          try SubjectRequestCallbacks.postpone(call, to: next, in: tx)
        }
      }
    }
  }

  /// While a certificate cannot be used, which is a problem of ours, calls wait, and none of their attempts counts.
  private func canSign(at now: Timestamp) -> Bool {
    do throws(ProcessorCertificate.Refusal) {
      _ = try settings.openDSR.processorCertificate(at: now)
      return true
    } catch {
      return false
    }
  }

  private func send(_ call: CallbackRow, _ service: SubjectRequestService) async throws -> Bool {
    guard let (url, body) = try await service.callback(call) else { return false }
    let isOpen = settings.openDSR.allowsPrivateAddresses
    let headers = [(name: "Content-Type", value: "application/json")] + (try service.signer.headers(body))
    return await Self.isAnswered(
      HTTPCall(method: "POST", url: url, headers: headers, body: .bytes(body), responseBytesMax: 65_536),
      by: isOpen ? Self.openCaller : Self.guardedCaller)
  }

  /// Threads of their own: an address that hangs stops no other work.
  private static let callers = BlockingThreads(name: "callbacks", limit: 4)
  private static let guardedCaller = HTTPClient(timeouts: callTimeouts, refusesPrivateAddresses: true)
  private static let openCaller = HTTPClient(timeouts: callTimeouts)
  private static var callTimeouts: HTTPTimeouts {
    var timeouts = HTTPTimeouts()
    timeouts.stallSeconds = 15
    return timeouts
  }

  /// Whatever goes wrong is the other side's, or passes: the caller tries again.
  static func isAnswered(_ call: HTTPCall, by client: HTTPClient) async -> Bool {
    let answer = try? await callers.run { () -> Int in
      do { return try client.perform(call).status } catch { return 0 }
    }
    return (200...299).contains(answer ?? 0)
  }

  /// How long before a certificate ends it is spoken of.
  private static let certificateNoticeSeconds: Int64 = 14 * 86_400

  func certificateProblems() -> [SystemProblem] {
    let now = Self.clock()
    let nextStep = "renew opendsr.certificate_file and opendsr.key_file; they are read again by themselves"
    do throws(ProcessorCertificate.Refusal) {
      guard let certificate = try settings.openDSR.processorCertificate(at: now),
        certificate.notAfter < now.adding(seconds: Self.certificateNoticeSeconds)
      else { return [] }
      return [
        SystemProblem(
          code: "certificate_ends_soon",
          detail: "the certificate for OpenDSR ends at \(certificate.notAfter)",
          nextStep: nextStep)
      ]
    } catch {
      return [
        SystemProblem(
          code: "certificate_unusable",
          detail: "\(error); OpenDSR requests are answered with 503 and their callbacks wait",
          nextStep: nextStep)
      ]
    }
  }
}
