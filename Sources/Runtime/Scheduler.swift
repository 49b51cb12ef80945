import Foundation
import JobQueue
import Logging
package import Model
import Postgres
import ServiceLifecycle

/// Carries out jobs that were asked for, and the nightly one when its time has come. Any number of servers may
/// schedule: a slot has one run, and a job one runner.
package actor Scheduler: Service {
  private let application: Application
  private let logger: Logger
  private var waiting: [(job: Job, run: JobRun, actor: String)] = []
  private var current: Job?
  /// The night that was tried last, and when it may be tried again.
  private var tried: (slot: String, again: Timestamp)?

  /// How often the clock is looked at.
  private static let tick = Duration.seconds(1)
  /// A night that failed is tried again after this long, in seconds.
  private static let retrySeconds: Int64 = 3_600
  /// Runs that may wait; further ones are refused.
  private static let waitingMax = 32

  init(_ application: Application, logger: Logger) {
    self.application = application
    self.logger = logger
  }

  /// Begins a run that is carried out in the background; `nil` if a run of that name waits or runs already.
  func start(_ job: Job, actor: String) async throws -> JobRun? {
    let isBusy = current == job || waiting.contains { $0.job == job }
    if isBusy || waiting.count >= Self.waitingMax { return nil }
    let slot = "asked-\(UUID().uuidString)"
    guard let run = try await application.begin(job, slot: slot) else { return nil }
    waiting.append((job, run, actor))
    return run
  }

  /// Until shutdown: a run under way is finished first, those that only wait are given back.
  package func run() async throws {
    await cancelWhenGracefulShutdown { await self.loop() }
    for entry in waiting { await abandon(entry.run) }
    waiting = []
  }

  private func loop() async {
    while !Task.isCancelled {
      await night()
      while !Task.isCancelled, !waiting.isEmpty {
        let next = waiting.removeFirst()
        await carryOut(next.job, next.run, actor: next.actor)
      }
      try? await Task.sleep(for: Self.tick)
    }
  }

  private func night() async {
    let now = Application.clock()
    guard let slot = Self.slot(at: now, nightlyMinute: application.settings.nightlyMinute) else { return }
    if let tried, tried.slot == slot, now < tried.again { return }
    tried = (slot, now.adding(seconds: Self.retrySeconds))
    do {
      // A new home waits for its first night, so that nothing is archived while its first messages come in.
      guard try await !isFirstNight(), let run = try await application.begin(.nightly, slot: slot) else {
        return
      }
      await carryOut(.nightly, run, actor: "scheduler")
    } catch {
      log("the nightly job could not begin", .nightly, error)
    }
  }

  private var startedSlot: String?

  /// Whether no night was ever run and this process has not seen the night begin.
  private func isFirstNight() async throws -> Bool {
    let slot = Self.slot(at: Application.clock(), nightlyMinute: application.settings.nightlyMinute)
    if startedSlot == nil { startedSlot = slot }
    guard startedSlot == slot else { return false }
    return try await application.database.transaction { tx in
      try JobRuns.history(name: Job.nightly.rawValue, limit: 1, in: tx).isEmpty
    }
  }

  /// A task of its own, which shutdown does not cancel: work that has begun is finished.
  private func carryOut(_ job: Job, _ run: JobRun, actor: String) async {
    current = job
    defer { current = nil }
    let application = application
    let work = Task { try await application.carryOut(job, run, actor: actor) }
    do {
      let finished = try await work.value
      logger.info(
        "job ended",
        metadata: [
          "job": "\(job.rawValue)", "run": "\(Handle.text("run", run.id))", "state": "\(finished.state)",
          "due": "\(finished.due)", "done": "\(finished.done)", "blocked": "\(finished.blocked)",
        ])
    } catch {
      log("job failed", job, error)
    }
  }

  private func abandon(_ run: JobRun) async {
    let now = Application.clock()
    try? await application.database.transaction { tx in
      try JobRuns.finish(
        run.id, due: 0, done: 0, blocked: 0, problem: "the server stopped before it began", at: now, in: tx)
    }
  }

  private func log(_ message: Logger.Message, _ job: Job, _ error: any Error) {
    logger.error(message, metadata: ["job": "\(job.rawValue)", "error": "\(type(of: error))"])
  }

  /// The night that has come at `now`: the newest one whose time is past. Its slot is `nightly` with its date, so
  /// that a server that slept through the minute runs it late, and a second one not again.
  package static func slot(at now: Timestamp, nightlyMinute: Int?) -> String? {
    guard let nightlyMinute else { return nil }
    let night = now.adding(seconds: -Int64(nightlyMinute) * 60)
    let day = night.civil
    return "\(Self.padded(day.year, 4))-\(Self.padded(day.month, 2))-\(Self.padded(day.day, 2))"
  }

  /// When the night of a slot began; `nil` for a slot that is none.
  package static func start(of slot: String, nightlyMinute: Int?) -> Timestamp? {
    guard let nightlyMinute, let day = Timestamp(rfc3339: slot + "T00:00:00Z") else { return nil }
    return day.adding(seconds: Int64(nightlyMinute) * 60)
  }

  private static func padded(_ number: Int, _ digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
