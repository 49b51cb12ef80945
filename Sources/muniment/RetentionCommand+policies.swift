import ArgumentParser
import Catalog
import Retention
import Runtime
import Server

extension RetentionCommand {
  struct SetPolicies: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "set",
      abstract: "Make FILE the tenant's policies; what deletes more waits its grace period.",
      discussion: """
        A preview of what the change does to the messages there are is made and kept with it: `retention show`. With \
        retention.approval: second_person, what deletes more waits for somebody else's `retention approve` as well.
        """)
    @Argument(help: "YAML or JSON.")
    var file: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions
    @OptionGroup var actor: ActorOptions

    func run() async throws {
      let document = try RetentionCommand.document(file)
      try await Application.with(try common.settings()) { application in
        let service = application.retention(
          application.directory(try await application.tenant(tenancy.tenant)))
        let reply = PolicySetReply(try await service.set(document, actor: actor.name))
        var next = "\nnext: muniment retention show \(reply.version)"
        if reply.standing == PolicySetView.Standing.waiting.rawValue {
          next += ", then muniment retention approve \(reply.version) --by ANOTHER"
        }
        try common.output.value(reply, text: reply.text + next)
      }
    }
  }

  struct PolicyVersionArgument: ParsableArguments {
    @Argument(help: "Version, as `retention list` has it.")
    var version: Int32
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    func show(_ body: (RetentionService, Int32) async throws -> PolicySetDetail) async throws {
      let isProven = try await Application.with(try common.settings()) { application in
        let service = application.retention(
          application.directory(try await application.tenant(tenancy.tenant)))
        let detail = try await body(service, version)
        let reply = try PolicyDetailReply(detail)
        try common.output.value(reply, text: reply.text)
        return detail.preview?.isProven ?? true
      }
      if !isProven { throw ExitStatus.verificationFailed }
    }
  }

  struct ShowPolicies: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "A version of the policies, and the preview that was made of it.",
      discussion: "Ends with 5 if the preview is not what the audit log committed to.")
    @OptionGroup var policies: PolicyVersionArgument

    func run() async throws { try await policies.show { try await $0.show($1) } }
  }

  struct ApprovePolicies: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "approve", abstract: "A second person agrees to a change that deletes more.",
      discussion: "It takes effect when its grace period is over, or at once if it is.")
    @OptionGroup var policies: PolicyVersionArgument
    @OptionGroup var actor: ActorOptions

    func run() async throws { try await policies.show { try await $0.approve($1, actor: actor.name) } }
  }

  struct RejectPolicies: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "reject", abstract: "A change that waits for approval never takes effect.")
    @OptionGroup var policies: PolicyVersionArgument
    @OptionGroup var actor: ActorOptions
    @Option(help: "Why, for the audit log.")
    var justification: String

    func run() async throws {
      try await policies.show {
        try await $0.reject($1, justification: justification, actor: actor.name)
      }
    }
  }
}
