import Catalog
import Curl
package import History
import Model
import Postgres
import Server
import Sodium

extension Application {
  package func notices(_ directory: Directory) -> DeletionNotices? {
    settings.deletions.isOn ? DeletionNotices(directory: directory, history: history) : nil
  }

  private static let noticesAtOnce = 500
  private static let pagesAtOnce = 100
  /// As long as a sender that died keeps others from its turn, in seconds.
  private static let deliverySeconds: Int64 = 120

  /// Sends what clients have not been told yet, each tenant's in order; what is not answered is sent again, longer and
  /// longer apart.
  package func sendDeletions() async throws {
    guard let webhook = settings.deletions.webhook else { return }
    let now = Self.clock()
    let due = try await database.read { tx in try DeletionOutbox.standings(dueAt: now, in: tx) }
    guard !due.isEmpty else { return }
    let tenants = try await tenants(nil)
    for standing in due {
      guard let tenant = tenants.first(where: { $0.id == standing.tenant }) else { continue }
      let taken = try await database.transaction { tx in
        try DeletionOutbox.take(
          tenant: tenant.id, at: now, until: now.adding(seconds: Self.deliverySeconds), in: tx)
      }
      if let taken { try await deliver(tenant, from: taken.delivered, attempt: taken.attempts, to: webhook) }
    }
  }

  private func deliver(
    _ tenant: Tenant, from start: Int64, attempt: Int, to webhook: DeletionSettings.Webhook
  ) async throws {
    let notices = DeletionNotices(directory: directory(tenant), history: history)
    var delivered = start
    for _ in 0..<Self.pagesAtOnce {
      let page = try await notices.read(after: delivered, limit: Self.noticesAtOnce)
      guard let last = page.last?.sequence else { return }
      let isAnswered = await Self.isAnswered(
        Self.call(webhook, page, tenant: tenant.name), by: Self.webhookCaller)
      let now = Self.clock()
      guard isAnswered else {
        let next = now.adding(seconds: min(5 << Int64(min(attempt - 1, 7)), 600))
        try await database.transaction { tx in
          try DeletionOutbox.postpone(tenant: tenant.id, to: next, in: tx)
        }
        return
      }
      try await database.transaction { tx in
        try DeletionOutbox.acknowledge(upTo: last, tenant: tenant.id, at: now, in: tx)
      }
      delivered = last
    }
  }

  /// The signature covers the time, so that a request that was overheard is not of use for long.
  private static func call(_ webhook: DeletionSettings.Webhook, _ page: [DeletionNotice], tenant: String)
    -> HTTPCall
  {
    let body: [UInt8] = page.flatMap { DeletionLine($0, tenant: tenant).bytes + [0x0A] }
    let time = clock().microseconds / 1_000_000
    let signature = HMACSHA256.authenticate(Array("\(time).".utf8) + body, key: webhook.secret).hex
    return HTTPCall(
      method: "POST", url: webhook.url,
      headers: [
        ("Content-Type", "application/x-ndjson"),
        ("X-Muniment-Signature", "t=\(time),v1=\(signature)"),
      ], body: .bytes(body), responseBytesMax: 65_536)
  }

  /// Where the operator has it go, private addresses included.
  private static let webhookCaller = HTTPClient()

  /// How long notices may wait for a webhook, and for somebody who fetches them, before it is a problem, in seconds.
  private static let pushSecondsMax: Int64 = 900
  private static let pullSecondsMax: Int64 = 2 * 86_400

  func outboxProblems() async throws -> [SystemProblem] {
    let (now, isPushed) = (Self.clock(), settings.deletions.webhook != nil)
    let limit = now.adding(seconds: -(isPushed ? Self.pushSecondsMax : Self.pullSecondsMax))
    return try await database.read { tx in try DeletionOutbox.standings(in: tx) }.compactMap { standing in
      guard let since = standing.waitingSince, since < limit else { return nil }
      return SystemProblem(
        code: "outbox_behind",
        detail: "\(standing.last - standing.delivered) deletions since \(since) have not reached the clients",
        nextStep: isPushed
          ? "check deletions.webhook_url and what it answers"
          : "fetch GET /v1/deletions, or muniment deletions list")
    }
  }
}
