import Catalog
import Foundation
import Model
package import Retention

/// What came of setting policies, as HTTP and the command line show it.
package struct PolicySetReply: Encodable {
  package let id: String
  package let version: Int32
  package let effectiveAt: String
  package let standing: String
  package let changed: Bool
  package let tightenings: [String]
  /// `nil`: nothing was stored.
  package let totals: PreviewReply.Counts?

  enum CodingKeys: String, CodingKey {
    case id, version, standing, changed, tightenings, totals
    case effectiveAt = "effective_at"
  }

  package init(_ result: PolicySetResult) {
    (id, version) = (String(result.version), result.version)
    effectiveAt = result.effectiveAt.rfc3339
    standing = result.standing.rawValue
    changed = result.changed
    tightenings = result.tightenings.map(\.description)
    totals = result.totals.map(PreviewReply.Counts.init)
  }

  package var text: String {
    var lines = [
      standing == "waiting"
        ? "version \(version) waits for a second person, and takes effect at \(effectiveAt) at the earliest"
        : "version \(version) takes effect at \(effectiveAt)"
    ]
    lines += tightenings.map { "  deletes more: \($0)" }
    if let totals { lines.append("  \(totals.text)") }
    return lines.joined(separator: "\n")
  }
}

/// A version of the policies, as lists have it.
package struct PolicyVersionReply: Encodable {
  package let version: Int32
  package let standing: String
  package let createdAt: String
  package let effectiveAt: String
  package let decidedAt: String?
  package let policies: [String]
  let document: AnyJSON

  enum CodingKeys: String, CodingKey {
    case version, standing, document
    case createdAt = "created_at"
    case effectiveAt = "effective_at"
    case decidedAt = "decided_at"
  }

  package init(_ view: PolicySetView) throws {
    version = view.version
    standing = view.standing.rawValue
    createdAt = view.createdAt.rfc3339
    effectiveAt = view.effectiveAt.rfc3339
    decidedAt = view.decidedAt?.rfc3339
    policies = view.document.policies.map(\.name)
    document = try AnyJSON(parsing: view.document.json)
  }

  package var text: String {
    "version \(version)  \(standing)  from \(effectiveAt)  \(policies.joined(separator: ", "))"
  }
}

/// A version with the preview that was made of it.
package struct PolicyDetailReply: Encodable {
  package struct Audit: Encodable {
    package let index: Int64
    package let previewHash: String
    /// Whether the entry has that hash.
    package let matches: Bool

    enum CodingKeys: String, CodingKey {
      case index, matches
      case previewHash = "preview_sha256"
    }
  }

  package let version: PolicyVersionReply
  /// `nil`: set before previews were kept, or altered beyond reading.
  package let preview: PreviewReply?
  package let audit: Audit?

  enum CodingKeys: String, CodingKey { case preview, audit }

  package init(_ detail: PolicySetDetail) throws {
    version = try PolicyVersionReply(detail.view)
    preview = detail.preview?.preview.map(PreviewReply.init)
    audit = detail.preview.map {
      Audit(index: $0.auditIndex, previewHash: $0.hash, matches: $0.isProven)
    }
  }

  /// The version's members, and these.
  package func encode(to encoder: any Encoder) throws {
    try version.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeIfPresent(preview, forKey: .preview)
    try container.encodeIfPresent(audit, forKey: .audit)
  }

  package var text: String {
    var lines = [version.text]
    if let preview {
      lines += ["preview of \(preview.madeAt), against version \(preview.policySet):", preview.text]
    }
    if let audit {
      lines.append(
        audit.matches
          ? "the preview is what entry \(audit.index) of the audit log committed to"
          : "the preview is NOT what entry \(audit.index) of the audit log committed to")
    }
    return lines.joined(separator: "\n")
  }
}
