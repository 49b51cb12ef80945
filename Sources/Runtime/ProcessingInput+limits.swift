import Catalog
import Governance
import Model
import Segments
import Server

/// How long, where, and how protected.
extension ProcessingInput {
  func timeLimits(_ settings: Settings) -> [ProcessingReport.TimeLimit] {
    var limits = policies.map { policy in
      ProcessingReport.TimeLimit(
        Self.scope(policy.scope), keptAtLeast: policy.retainSeconds.map(Self.length),
        erasedAfter: policy.deleteAfterSeconds.map(Self.length),
        note: "policy \(policy.id), counted from \(Self.clock(policy.clock))"
          + (policy.locked ? ", locked" : ""))
    }
    if !policies.contains(where: { $0.deleteAfterSeconds != nil && $0.scope == .tenant }) {
      limits.append(.init("messages no rule is for", note: "kept until somebody deletes or erases them"))
    }
    if let ownDays {
      limits.append(
        .init(
          "\(ownDays.conversations) conversations with days of their own",
          erasedAfter: "\(ownDays.fewest) to \(ownDays.most) days"))
    }
    if let holds = counts["holds"], holds > 0 {
      limits.append(.init("messages under \(holds) legal holds", note: "kept until the hold is released"))
    }
    let (aside, backups) = (settings.setAsideSeconds, settings.backupWindowSeconds)
    return limits + [
      .init("input that was not accepted", erasedAfter: Self.length(aside)),
      .init(
        "backups of what was erased", erasedAfter: Self.length(backups),
        note: "from when its key was destroyed"),
      .init("audit entries", note: "kept without limit; what names an erased person in them is erased"),
    ]
  }

  private static func scope(_ scope: Policy.Scope) -> String {
    switch scope {
    case .tenant: "all messages"
    case .conversationKind(let kind): "messages in conversations of kind \(kind)"
    case .conversation: "messages in one conversation"
    case .subject: "messages of one person"
    case .label(let name): "messages with the label \(name)"
    }
  }

  private static func clock(_ clock: Policy.Clock) -> String {
    switch clock {
    case .created: "when a message was sent"
    case .lastEdited: "its last change"
    case .conversationClosed: "the closing of its conversation"
    case .event(let name): "the event \(name)"
    }
  }

  private static func length(_ seconds: Int64) -> String {
    let days = seconds / 86_400
    if seconds % 86_400 != 0 { return "\(seconds / 3_600) hours" }
    return days > 0 && days % 365 == 0 ? "\(days / 365) years" : "\(days) days"
  }

  static func stores(_ settings: Settings) -> [ProcessingReport.Store] {
    let archive: ProcessingReport.Store =
      switch settings.objectStore {
      case .directory(let path): .init("archive", path)
      case .bucket(let location, _, let bucket):
        .init(
          "archive", "bucket \(location.bucket)" + (bucket.storageClass.map { ", class \($0)" } ?? ""),
          region: location.region)
      }
    return [
      .init("database", settings.databaseURL == nil ? "\(settings.home)/postgres" : "as set in database.url"),
      archive, .init("search index", "\(settings.home)/index"), .init("keys", "\(settings.home)/keys"),
      .init("packages", "\(settings.home)/exports"),
    ]
  }

  func security(_ settings: Settings) -> [String] {
    var measures = [
      "texts, names and addresses are encrypted (XChaCha20-Poly1305) under keys of their person, conversation and month",
      "the database knows people by keyed hashes; its keys are sealed under keys outside of it",
      settings.rootKeyCommand.isEmpty
        ? "root key: a file of the home" : "root key: from a command outside the home",
      "erasure destroys keys; backups are beyond recovery \(settings.backupWindowSeconds / 86_400) days later",
      tenant.secondPerson
        ? "erasures need the approval of a second person"
        : "erasures need no second person (approvals.second_person)",
      "\(auditEntries) entries in a tamper-evident log"
        + (checkpointSigned ? ", with signed checkpoints" : ", no checkpoint signed yet")
        + (witnesses.isEmpty ? "" : ", witnessed by \(witnesses.joined(separator: ", "))"),
      "at most \(settings.requestsPerSecond) requests a second for each person signed in",
      "the search index is not encrypted by the program; the disk below it should be",
    ]
    if settings.retentionNeedsApproval {
      measures.append(
        tenant.secondPerson
          ? "changes of policies that delete more need the approval of a second person"
          : "changes of policies that delete more need an approval, which may be the proposer's own")
    }
    if case .bucket(_, _, let bucket) = settings.objectStore, let lock = bucket.lock {
      measures.append("archive objects are locked for \(Self.length(lock.seconds))")
    }
    let open = erasures.count { $0.isOpen }
    measures.append("requests for erasure: \(erasures.count), of which open: \(open)")
    return measures
  }
}

/// What only the controller knows, from the settings.
package struct ProcessingStatement: Sendable, Hashable {
  package let controller: String?
  package let contact: String?
  package let officer: String?
  package let purposes: [String]
  package let transfers: String?

  init(_ values: [String: String]) {
    func text(_ key: String) -> String? { values["processing.\(key)"].flatMap { $0.isEmpty ? nil : $0 } }
    (controller, contact, officer) = (text("controller"), text("contact"), text("officer"))
    purposes = (text("purposes") ?? "").split(separator: ";").map { String($0).trimmingSpaces }.filter {
      !$0.isEmpty
    }
    transfers = text("transfers")
  }

  var missing: [String] {
    [
      controller == nil ? "processing.controller" : nil, contact == nil ? "processing.contact" : nil,
      purposes.isEmpty ? "processing.purposes" : nil, transfers == nil ? "processing.transfers" : nil,
    ].compactMap { $0 }.map { "setting \($0) is empty" }
  }
}

extension String {
  fileprivate var trimmingSpaces: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
