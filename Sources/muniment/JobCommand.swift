import ArgumentParser
import JobQueue
import Model
import Postgres
import Runtime

struct JobCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "job", abstract: "Regular work: what there is, run one now, what was run.",
    subcommands: [List.self, Run.self, History.self])

  struct Row: Encodable {
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

    var text: String {
      "\(startedAt)  \(name)  \(state)  due \(due), done \(done), blocked \(blocked)"
        + (problem.map { "\n  problem: \($0)" } ?? "")
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "The jobs, and how each ended last.")
    @OptionGroup var common: CommonOptions

    private struct Listed: Encodable {
      let name: String
      let purpose: String
      let lastRun: Row?

      enum CodingKeys: String, CodingKey {
        case name, purpose
        case lastRun = "last_run"
      }
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        for job in Job.allCases {
          let last = try await application.database.transaction { tx in
            try JobRuns.history(name: job.rawValue, limit: 1, in: tx).first
          }
          try common.output.value(
            Listed(name: job.rawValue, purpose: job.purpose, lastRun: last.map(Row.init)),
            text: "\(job.rawValue): \(job.purpose)\n  \(last.map { Row($0).text } ?? "never ran")")
        }
      }
    }
  }

  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "run", abstract: "Run a job now; exit 1 if it found a problem.")
    @Argument(help: "Name, as `job list` gives it.")
    var name: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var actor: ActorOptions

    func run() async throws {
      guard let job = Job(rawValue: name) else {
        throw ValidationError("NAME is one of \(Job.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      let run = try await Application.with(try common.settings()) { try await $0.run(job, actor: actor.name) }
      try common.output.value(Row(run), text: Row(run).text)
      if run.problem != nil { throw ExitStatus.failed }
    }
  }

  struct History: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "history", abstract: "Runs, newest first.")
    @OptionGroup var common: CommonOptions
    @Option(help: "Only runs of this job.")
    var name: String?
    @Option(help: "At most so many.")
    var limit = 50

    func validate() throws {
      guard (1...10_000).contains(limit) else { throw ValidationError("--limit takes 1 to 10000") }
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let (name, limit) = (name, limit)
        let runs = try await application.database.transaction { tx in
          try JobRuns.history(name: name, limit: limit, in: tx)
        }
        for run in runs { try common.output.value(Row(run), text: Row(run).text) }
      }
    }
  }
}
