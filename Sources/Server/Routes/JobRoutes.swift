import Foundation
import Hummingbird
import JobQueue
import Model
import Postgres

/// Jobs of the installation, all tenants together.
enum JobRoutes {
  static let all = [
    Route.get("/v1/jobs", roles, list),
    Route.post("/v1/jobs/:name/runs", roles, start),
    Route.get("/v1/jobs/runs/:id", roles, show),
    Route.get("/v1/status", roles, status),
  ]

  private static let roles: Set<Role> = [.operator_]

  struct RunReply: Encodable {
    let id: String
    let name: String
    let slot: String
    let state: String
    let startedAt: String
    let finishedAt: String?
    let due: Int64
    let done: Int64
    let blocked: Int64
    let problem: String?

    init(_ run: JobRun) {
      id = Handle.text("run", run.id)
      name = run.name
      slot = run.slot
      state = run.state
      startedAt = run.startedAt.rfc3339
      finishedAt = run.finishedAt?.rfc3339
      due = run.due
      done = run.done
      blocked = run.blocked
      problem = run.problem
    }

    enum CodingKeys: String, CodingKey {
      case id, name, slot, state, due, done, blocked, problem
      case startedAt = "started_at"
      case finishedAt = "finished_at"
    }
  }

  private struct JobReply: Encodable {
    let name: String
    let purpose: String
    let lastRun: RunReply?

    enum CodingKeys: String, CodingKey {
      case name, purpose
      case lastRun = "last_run"
    }
  }

  @Sendable private static func list(_ call: Call) async throws -> Response {
    let jobs = call.services.hooks.jobs
    let last = try await call.services.database.transaction { tx in
      try jobs.map { try JobRuns.history(name: $0.name, limit: 1, in: tx).first }
    }
    return Reply.json([
      "jobs": zip(jobs, last).map {
        JobReply(name: $0.name, purpose: $0.purpose, lastRun: $1.map(RunReply.init))
      }
    ])
  }

  @Sendable private static func start(_ call: Call) async throws -> Response {
    let name = try call.parameter("name")
    guard call.services.hooks.jobs.contains(where: { $0.name == name }) else {
      throw Problem(404, "unknown_job", "there is no job of that name")
    }
    guard let run = try await call.services.hooks.startJob(name, call.principal.subject) else {
      throw Problem(409, "already_running", "a run of this job is under way")
    }
    var response = Reply.json(RunReply(run), status: .accepted)
    response.headers[.location] = "/v1/jobs/runs/\(Handle.text("run", run.id))"
    return response
  }

  @Sendable private static func show(_ call: Call) async throws -> Response {
    let id = try call.handle("run")
    guard let run = try await call.services.database.transaction({ tx in try JobRuns.find(id, in: tx) })
    else {
      throw Problem(404, "unknown_run", "there is no run of that id")
    }
    return Reply.json(RunReply(run))
  }

  private struct Status: Encodable {
    let version: String
    let problems: [SystemProblem]
    let index_lag: [String: Int64]
  }

  @Sendable private static func status(_ call: Call) async throws -> Response {
    let lag = try await call.services.hooks.indexLag()
    return Reply.json(
      Status(
        version: call.services.version, problems: try await call.services.hooks.problems(),
        index_lag: Dictionary(uniqueKeysWithValues: lag.map { (String($0.key), $0.value) })))
  }
}
