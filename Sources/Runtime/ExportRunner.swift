import Blocking
import Catalog
import Exporting
import Logging
import Model
import Postgres
import ServiceLifecycle

/// Writes the exports that nobody waits for, and goes on with those a stop interrupted. Any number of servers may run
/// one: a draft has one writer at a time.
actor ExportRunner: Service {
  private let application: Application
  private let logger: Logger
  private var running: Set<Int64> = []
  /// When exports are looked at again that could not be written just now.
  private var putOff: [Int64: ContinuousClock.Instant] = [:]

  private static let pause = Duration.seconds(1)
  private static let atOnce = 2
  private static let lookedAt = 100
  /// For those that another process is about, or another home's.
  private static let othersPause = Duration.seconds(2)
  private static let failurePause = Duration.seconds(60)

  init(application: Application, logger: Logger) {
    self.application = application
    self.logger = logger
  }

  /// Until shutdown: what is being written then is left as it is, for the next start.
  func run() async throws {
    await cancelWhenGracefulShutdown { await runAsLongWork { await self.loop() } }
  }

  private func loop() async {
    await deliverLate()
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        for row in await due() { group.addTask { await self.carryOut(row) } }
        try? await Task.sleep(for: Self.pause)
      }
    }
  }

  /// Packages that a stop kept from getting their name, though the audit log states them.
  private func deliverLate() async {
    do {
      for tenant in try await application.tenants(nil) {
        try await application.exporter(application.directory(tenant)).sweep()
      }
    } catch {
      if !Task.isCancelled { log("packages cannot be delivered", nil, error) }
    }
  }

  private func due() async -> [ExportRow] {
    guard running.count < Self.atOnce else { return [] }
    do {
      let rows = try await application.database.read { tx in
        try Exports.unattended(limit: Self.lookedAt, in: tx)
      }
      putOff = putOff.filter { $0.value > .now }
      let due = rows.filter { !running.contains($0.id) && putOff[$0.id] == nil }
      let next = due.prefix(Self.atOnce - running.count)
      running.formUnion(next.map(\.id))
      return Array(next)
    } catch {
      if !Task.isCancelled { log("exports cannot be looked up", nil, error) }
      return []
    }
  }

  private func carryOut(_ row: ExportRow) async {
    defer { running.remove(row.id) }
    do {
      let tenant = try await application.tenants(nil).first { $0.id == row.tenant }
      let exporter = tenant.map { application.exporter(application.directory($0)) }
      guard let record = try await exporter?.carryOutUnattended(row) else {
        putOff[row.id] = .now + Self.othersPause
        return
      }
      logger.info(
        "export ended",
        metadata: [
          "export": "\(record.id)", "state": "\(record.state.rawValue)",
          "messages": "\(record.counts.messages)",
        ])
    } catch {
      guard !Task.isCancelled else { return }
      putOff[row.id] = .now + Self.failurePause
      log("export failed", row.id, error)
    }
  }

  private func log(_ message: Logger.Message, _ export: Int64?, _ error: any Error) {
    var metadata: Logger.Metadata = ["error": "\(type(of: error))"]
    if let export { metadata["export"] = "\(Handle.text("export", export))" }
    logger.error(message, metadata: metadata)
  }
}
