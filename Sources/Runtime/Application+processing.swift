import AuditLog
package import Catalog
import Governance
import Model
import Postgres
package import Server

extension Application {
  /// A tenant's records of processing, as configuration and data are now.
  package func processingReport(_ tenant: Tenant) async throws -> ProcessingReport {
    let (now, audit) = (Self.clock(), audit)
    let facts = try await database.read { tx in
      ProcessingInput(
        tenant: tenant, now: now, counts: try ProcessingFacts.counts(tenant: tenant.id, in: tx),
        exports: try ProcessingFacts.exports(tenant: tenant.id, in: tx),
        ownDays: try ProcessingFacts.ownDays(tenant: tenant.id, in: tx),
        policies: try PolicyHistory(Policies.sets(tenant: tenant.id, in: tx)).inForce(at: now),
        erasures: try Erasures.list(tenant: tenant.id, in: tx).map(\.state),
        auditEntries: try audit.head(in: tx).size,
        checkpointSigned: try audit.lastCheckpoint(in: tx) != nil, witnesses: audit.witnesses.map(\.name))
    }
    return facts.report(settings)
  }
}

/// All a report is made of. Pure from here on.
struct ProcessingInput: Sendable {
  let tenant: Tenant
  let now: Timestamp
  let counts: [String: Int]
  let exports: [ProcessingFacts.Handed]
  let ownDays: (conversations: Int, fewest: Int, most: Int)?
  let policies: [Policy]
  let erasures: [ErasureRow.State]
  let auditEntries: Int64
  let checkpointSigned: Bool
  let witnesses: [String]

  func report(_ settings: Settings) -> ProcessingReport {
    let stated = settings.processing
    var report = ProcessingReport(tenant: tenant.name, madeAt: now.rfc3339)
    (report.controller, report.contact) = (stated.controller, stated.contact)
    (report.dataProtectionOfficer, report.transfers) = (stated.officer, stated.transfers)
    report.purposes = stated.purposes.isEmpty ? Self.purposes : stated.purposes
    report.people = people
    report.data = data
    report.recipients = recipients
    report.timeLimits = timeLimits(settings)
    report.stores = Self.stores(settings)
    report.security = security(settings)
    report.missing = stated.missing
    return report
  }

  /// What the product is for; the settings say what a controller uses it for.
  private static let purposes = [
    "history and search of their conversations for members", "keeping records for statutory periods",
    "legal holds and disclosure", "answering and carrying out requests of the people concerned",
  ]

  private func category(_ text: String, _ stores: [String], _ count: String) -> ProcessingReport.Category {
    let number = counts[count] ?? 0
    return .init(
      text, stores: stores, count: number, countIsLeast: number >= ProcessingFacts.countMax ? true : nil)
  }

  private var people: [ProcessingReport.Category] {
    [
      category("people who write or are members of conversations", [], "people"),
      .init("people whom others write about or name, who are not counted"),
      .init("staff who act on the data, named in the audit log"),
    ]
  }

  private var data: [ProcessingReport.Category] {
    var data = [
      category(
        "messages with their texts, versions, reactions, receipts and descriptions of attachments",
        ["database", "archive"], "messages"),
      category("memberships", ["database"], "memberships"),
      category("ids, names and addresses of people, sealed", ["database"], "people"),
      category("search tokens of names, keyed hashes", ["database"], "name_tokens"),
      .init("search tokens of messages", stores: ["search index"]),
      category("searches that were kept", ["database"], "saved_searches"),
      category("input that was not accepted, sealed", ["database"], "set_aside"),
      category("copies kept for legal holds and floors, sealed", ["database"], "preserved_copies"),
      category("audit entries", ["database"], "audit_entries"),
    ]
    if let sealed = counts["sealed_conversations"], sealed > 0 {
      data.append(.init("conversations whose texts only their members' devices can open", count: sealed))
    }
    return data
  }

  private var recipients: [ProcessingReport.Recipient] {
    [
      .init("members", receives: "what was sent in their conversations while they were in them"),
      .init(
        "staff with the roles compliance, dpo, approver, auditor", receives: "what their role allows; audited"
      ),
    ]
      + exports.map { handed in
        .init(
          handed.insideHome ? "packages within the home" : "packages handed out",
          receives: "selected messages as \(handed.formats.joined(separator: ", "))", times: handed.packages,
          latest: handed.latest.rfc3339)
      }
  }
}
