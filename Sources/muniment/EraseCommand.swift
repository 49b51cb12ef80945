import ArgumentParser
import Catalog
import Erasure
import Foundation
import Model
import Runtime
import Sodium

struct EraseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "erase",
    abstract: "Erase (GDPR Art. 17): request, plan, approve, run, certificate.",
    subcommands: [
      Request.self, Plan.self, Approve.self, Withdraw.self, Refuse.self, Extend.self, Run.self, Show.self,
      List.self, CertificateOf.self, Verify.self,
      Replay.self,
    ])

  struct ErasureArgument: ParsableArguments {
    @Argument(help: "Erasure id, as `erase request` gave it.")
    var id: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    func number() throws -> Int64 {
      guard let number = Handle.number("erasure", id) else {
        throw ValidationError("an erasure id looks like erasure-0123456789abcdef")
      }
      return number
    }

    func with<R>(_ body: (ErasureService, Int64) async throws -> R) async throws -> R {
      let number = try number()
      return try await Application.with(try common.settings()) { application in
        try await body(
          application.erasure(application.directory(try await application.tenant(tenancy.tenant))), number)
      }
    }
  }

  struct Row: Encodable {
    let id: String
    let state: String
    let scope: String
    let requestedAt: String
    let dueAt: String
    let completedAt: String?

    init(_ row: ErasureRow) {
      scope = row.scope.name
      id = Handle.text("erasure", row.id)
      state = row.state.rawValue
      requestedAt = row.requestedAt.rfc3339
      dueAt = row.dueAt.rfc3339
      completedAt = row.completedAt?.rfc3339
    }

    enum CodingKeys: String, CodingKey {
      case id, state, scope
      case requestedAt = "requested_at"
      case dueAt = "due_at"
      case completedAt = "completed_at"
    }

    var text: String { "\(id)  \(state)  requested \(requestedAt)  due \(dueAt)" }
  }

  struct Request: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "request", abstract: "Record the wish; touches nothing.",
      discussion: """
        A person with --subject; their part in one conversation with --subject and --conversation; a whole \
        conversation with --conversation; one message with --message.
        """)
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var actor: ActorOptions
    @Option(help: "Whom to erase: the platform's subject id.")
    var subject: String?
    @Option(help: "The platform's conversation id.")
    var conversation: String?
    @Option(help: "The platform's message id.")
    var message: String?
    @Option(help: "Why, for the record; sealed.")
    var reason: String

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let service = application.erasure(application.directory(try await application.tenant(tenancy.tenant)))
        let target = try ErasureTarget(subject: subject, conversation: conversation, message: message)
        let row = try await service.request(target, reason: reason, actor: actor.name)
        try common.output.value(Row(row), text: "\(Row(row).text)\nnext: muniment erase plan \(Row(row).id)")
      }
    }
  }

  struct Plan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "plan", abstract: "Count what would go, store by store, and what stays, why and how long.")
    @OptionGroup var erasure: ErasureArgument
    @OptionGroup var actor: ActorOptions

    func run() async throws {
      let plan = try await erasure.with { try await $0.plan($1, actor: actor.name) }
      var text = """
        hot messages \(plan.hotMessages), cold messages \(plan.coldMessages), changes \(plan.changes), \
        conversations \(plan.conversations), set aside \(plan.setAside), packages \(plan.packages)
        """
      for blocker in plan.blockedBy { text += "\nkept by \(blocker.hold): \(blocker.messages) messages" }
      for floor in plan.floors ?? [] {
        text +=
          "\nkept by locked \(floor.policy): \(floor.messages) messages until \(floor.until ?? "no date yet")"
      }
      if let restricted = plan.restricted, restricted > 0 {
        text += "\n\(restricted) messages would stay, hidden, until nothing keeps them"
      }
      text += "\nnot covered:\n" + plan.notCovered.map { "  - " + $0 }.joined(separator: "\n")
      text += "\nnext: muniment erase approve \(plan.id) --by ANOTHER"
      try erasure.common.output.value(plan, text: text)
    }
  }

  struct Approve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "approve", abstract: "A second person agrees.")
    @OptionGroup var erasure: ErasureArgument
    @OptionGroup var actor: ActorOptions

    func run() async throws {
      let row = try await erasure.with { service, id in
        try await service.approve(id, actor: actor.name)
        return try await service.find(id)
      }
      try erasure.common.output.value(
        Row(row), text: "\(Row(row).text)\nnext: muniment erase run \(Row(row).id)")
    }
  }

  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "run", abstract: "Carry it out, verify by looking, and certify. Safe to repeat.",
      discussion: """
        What a hold or a locked floor keeps is hidden and sealed anew before the person's key is destroyed, and goes \
        when nothing keeps it; as long as there is any, the exit code is 3.
        """)
    @OptionGroup var erasure: ErasureArgument
    @OptionGroup var actor: ActorOptions
    @Flag(help: "Show the plan and stop.")
    var dryRun = false

    func run() async throws {
      if dryRun {
        let plan = try await erasure.with { try await $0.plan($1, actor: actor.name) }
        try erasure.common.output.value(
          plan, text: "would erase \(plan.hotMessages + plan.coldMessages) messages")
        return
      }
      let (certificate, row) = try await erasure.with { service, id in
        (try await service.run(id, actor: actor.name), try await service.find(id))
      }
      let statement = try certificate.statement()
      let isPartial = row.state == .restricted
      try erasure.common.output.value(
        RunReport(row, statement),
        text: """
          erased \(statement.stores.messages) messages, \(statement.stores.changes) changes, \
          \(statement.stores.packages) packages; \(statement.verification)\(Self.kept(statement, isPartial))
          next: muniment erase certificate \(statement.id)
          """)
      if isPartial { throw ExitStatus.doneInPart }
    }

    private static func kept(_ statement: Certificate.Statement, _ isPartial: Bool) -> String {
      guard isPartial else { return "" }
      return "\nin part: \(statement.stores.restricted ?? 0) messages stay, hidden:"
        + statement.remains.filter { $0.ground.contains("17(3)") }.map {
          "\n  - \($0.what), until \($0.until); \($0.ground)"
        }.joined()
    }
  }

  struct RunReport: Encodable {
    let id: String
    let state: String
    let messages: Int
    let restricted: Int
    let remains: [Certificate.Statement.Remains]

    init(_ row: ErasureRow, _ statement: Certificate.Statement) {
      id = statement.id
      state = row.state.rawValue
      messages = statement.stores.messages
      restricted = statement.stores.restricted ?? 0
      remains = statement.remains
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "State of one erasure.")
    @OptionGroup var erasure: ErasureArgument

    func run() async throws {
      let row = try await erasure.with { try await $0.find($1) }
      try erasure.common.output.value(Row(row), text: Row(row).text)
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "All erasures of a tenant.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let service = application.erasure(application.directory(try await application.tenant(tenancy.tenant)))
        for row in try await service.list() { try common.output.value(Row(row), text: Row(row).text) }
      }
    }
  }

  struct CertificateOf: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "certificate", abstract: "Print the signed certificate, or check one offline.",
      discussion:
        "With --check FILE no database is opened: signature and form are checked; exit 5 if they fail. Whose signature it "
        + "is, only --key can tell.")
    @Argument(help: "Erasure id; not needed with --check.")
    var id: String?
    @Option(help: "Check this certificate file instead.")
    var check: String?
    @Option(help: "With --check: the hexadecimal public key it must be signed by.")
    var key: String?
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    func run() async throws {
      if let check { return try verify(check, trusted: try trusted()) }
      guard let id, let number = Handle.number("erasure", id) else {
        throw ValidationError("name an erasure id such as erasure-0123456789abcdef")
      }
      try await Application.with(try common.settings()) { application in
        let service = application.erasure(application.directory(try await application.tenant(tenancy.tenant)))
        guard let text = try await service.find(number).certificate else {
          throw ErasureError(.notCompleted, "not certified yet; run it with `muniment erase run \(id)`")
        }
        print(text)
      }
    }

    /// A key that cannot be read must not pass for none, with which any signer would do.
    private func trusted() throws -> [UInt8]? {
      try key.map { text in
        guard let key = [UInt8](hex: text), key.count == 32 else {
          throw ValidationError("--key takes the 64 hexadecimal digits that `muniment keys status` shows")
        }
        return key
      }
    }

    private func verify(_ path: String, trusted: [UInt8]?) throws {
      guard let data = FileManager.default.contents(atPath: path) else {
        throw ValidationError("the certificate file cannot be read")
      }
      guard let certificate = try? Certificate(json: String(decoding: data, as: UTF8.self)) else {
        common.output.note("the file is no certificate")
        throw ExitStatus.verificationFailed
      }
      guard certificate.isAuthentic(trusted: trusted), let statement = try? certificate.statement() else {
        common.output.note("the signature does not fit")
        throw ExitStatus.verificationFailed
      }
      var text = "authentic: \(statement.id), completed \(statement.completedAt)"
      if trusted == nil {
        text +=
          "\nsigned by \(certificate.publicKey); compare it with what `muniment keys status` shows, or give it with --key"
      }
      try common.output.value(statement, text: text)
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify", abstract: "Look again in every store; exit 5 on residue.")
    @OptionGroup var erasure: ErasureArgument

    private struct Report: Encodable {
      let id: String
      let residue: [String]
    }

    func run() async throws {
      let findings = try await erasure.with { try await $0.verify($1) }
      try erasure.common.output.value(
        Report(id: erasure.id, residue: findings),
        text: findings.isEmpty ? "no residue" : findings.joined(separator: "\n"))
      if !findings.isEmpty { throw ExitStatus.verificationFailed }
    }
  }

  struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "replay", abstract: "After restoring a database: erase again whom the backup brought back."
    )
    @OptionGroup var common: CommonOptions
    @OptionGroup var actor: ActorOptions

    private struct Report: Encodable {
      let replayed: Int
    }

    func run() async throws {
      try await Application.with(try common.settings()) { application in
        let count = try await application.replayErasures(actor: actor.name)
        try common.output.value(Report(replayed: count), text: "\(count) erasures replayed")
      }
    }
  }
}
