import AuditLog
import Catalog
import Model
import Postgres

extension Exporter {
  /// What is said of an export before it is made: by what it is selected, not whom or what that finds.
  func requestEntry(
    _ selection: ExportSelection, _ action: String, _ object: String, _ actor: String,
    _ formats: Set<ExportFormat> = []
  ) -> AuditEntry {
    var details = ["selected_by": selection.conditions.joined(separator: ",")]
    if !formats.isEmpty { details["formats"] = formats.map(\.rawValue).sorted().joined(separator: ",") }
    if let hold = selection.hold { details["hold"] = ExportID.named("hold", hold) }
    if let query = selection.query { details["hits"] = String(query.hits) }
    return AuditEntry(tenant: tenant.id, actor: actor, action: action, object: object, details: details)
  }

  /// What the log keeps of an estimate, which tells who wrote how much, and what a query finds.
  package func estimateDetails(_ selection: ExportSelection, messages: Int) -> [String: String] {
    requestEntry(selection, "export.estimated", "estimate", "").details
      .merging(["messages": String(messages)]) { first, _ in first }
  }

  /// Writes down that somebody had an export estimated.
  package func noteEstimate(_ selection: ExportSelection, messages: Int, actor: String) async throws {
    let entry = AuditEntry(
      tenant: tenant.id, actor: actor, action: "export.estimated", object: "estimate",
      details: estimateDetails(selection, messages: messages))
    let (audit, now) = (audit, now())
    try await database.transaction { tx in _ = try audit.append([entry], at: now, in: tx) }
  }
}

extension ExportSelection {
  /// The conditions that are given, by name; none: the whole tenant.
  package var conditions: [String] {
    [
      subject.map { _ in "subject" }, conversations.map { _ in "conversations" }, hold.map { _ in "hold" },
      query.map { _ in "query" }, messages.flatMap { _ in query == nil ? "messages" : nil },
      from.map { _ in "from" }, to.map { _ in "to" },
    ].compactMap { $0 }
  }
}
