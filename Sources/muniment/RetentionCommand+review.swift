import ArgumentParser
import Catalog
import Model
import Retention
import Runtime
import Server

extension RetentionCommand {
  struct Review: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "review",
      abstract: "What policies with `review: true` would delete, but for your decision.",
      subcommands: [ListReviews.self, ShowReview.self, Decide.self, ApproveReview.self])
  }

  struct ReviewArgument: ParsableArguments {
    @Argument(help: "Review id, as `retention review list` gives it.")
    var id: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    /// - Parameter next: what to do next, if the review stands so.
    func show(
      _ body: (RetentionService, Int64) async throws -> ReviewView,
      next: (ReviewRow) -> String? = { _ in nil }
    ) async throws {
      guard let number = Handle.number("review", id) else {
        throw ValidationError("a review id looks like review-0123456789abcdef")
      }
      try await Application.with(try common.settings()) { application in
        let service = application.retention(
          application.directory(try await application.tenant(tenancy.tenant)))
        let view = try await body(service, number)
        let reply = ReviewReply(view)
        try common.output.value(
          reply,
          text: reply.text + (reply.justification.map { "\njustification: \($0)" } ?? "")
            + (next(view.row).map { "\nnext: \($0)" } ?? ""))
      }
    }
  }

  struct ListReviews: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "Groups of messages, by conversation and month, that wait for a decision.")
    @Flag(help: "Those that are decided and done with too.")
    var all = false
    @OptionGroup var common: CommonOptions
    @OptionGroup var tenancy: TenantOptions

    func run() async throws {
      try await RetentionCommand.list(common, tenancy) { service, cursor in
        let page = try await service.reviews(open: !all, after: cursor)
        for view in page {
          let reply = ReviewReply(view)
          try common.output.value(reply, text: reply.text)
        }
        return page.last?.row.id
      }
    }
  }

  struct ShowReview: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "One group.")
    @OptionGroup var review: ReviewArgument

    func run() async throws { try await review.show { try await $0.review($1) } }
  }

  struct Decide: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "decide", abstract: "Delete, keep until a time, move to another policy, or label.",
      discussion: """
        Nothing is deleted by the decision: the next run of retention does, and asks holds and floors again. Where \
        approvals.second_person is on, another person has to approve first.
        """)
    @OptionGroup var review: ReviewArgument
    @OptionGroup var actor: ActorOptions
    @Flag(help: "Delete what is due of it now.")
    var delete = false
    @Option(name: .customLong("extend-until"), help: "Keep it until this time (RFC 3339).")
    var extendUntil: String?
    @Option(
      name: .customLong("move-to"), help: "Let this policy's deletion count in place of the present one's.")
    var moveTo: String?
    @Option(help: "Give the messages this label, whose policies are for them then.")
    var relabel: String?
    @Option(help: "Why, for the record; sealed.")
    var justification: String

    func run() async throws {
      let decision = try decision()
      try await review.show(
        { try await $0.decide($1, decision, justification: justification, actor: actor.name) },
        next: Self.next)
    }

    private static func next(_ row: ReviewRow) -> String? {
      let id = Handle.text("review", row.id)
      return row.state == .proposed
        ? "muniment retention review approve \(id) --by ANOTHER" : "muniment retention apply"
    }

    private func decision() throws -> ReviewRow.Decision {
      switch (delete, extendUntil, moveTo, relabel) {
      case (true, nil, nil, nil): return .delete
      case (false, let time?, nil, nil):
        guard let until = Timestamp(rfc3339: time) else {
          throw ValidationError("--extend-until takes an RFC 3339 time")
        }
        return .extend(until: until)
      case (false, nil, let policy?, nil): return .move(to: policy)
      case (false, nil, nil, let label?): return .relabel(label)
      default: throw ValidationError("give one of --delete, --extend-until, --move-to and --relabel")
      }
    }
  }

  struct ApproveReview: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "approve", abstract: "A second person agrees to what was decided.")
    @OptionGroup var review: ReviewArgument
    @OptionGroup var actor: ActorOptions

    func run() async throws { try await review.show { try await $0.approveReview($1, actor: actor.name) } }
  }
}

extension RetentionCommand {
  /// Prints page after page, until there is none.
  ///
  /// - Parameter page: prints what comes after the number, and returns the last one's; `nil`: nothing did.
  static func list(
    _ common: CommonOptions, _ tenancy: TenantOptions,
    _ page: @Sendable (RetentionService, Int64) async throws -> Int64?
  ) async throws {
    try await Application.with(try common.settings()) { application in
      let service = application.retention(
        application.directory(try await application.tenant(tenancy.tenant)))
      var cursor: Int64? = .min
      while let last = cursor { cursor = try await page(service, last) }
    }
  }
}
