import AuditLog
import Foundation
import Sodium

/// What checking a package found; needs nothing but the package.
package struct ExportVerification: Sendable {
  package struct Problem: Sendable, Hashable {
    package enum Kind: String, Sendable {
      case missing, extra, changed, unsigned
      case wrongKey = "wrong_key"
      case miscounted, malformed
      case custodyMissing = "custody_missing"
      case custodyWrong = "custody_wrong"
      /// The proof of its entry in the audit log is not there, or does not lead to it.
      case proofMissing = "proof_missing"
      case proofWrong = "proof_wrong"
      /// Fewer messages than were there, and nothing says so.
      case incomplete
      /// An overlay is not of this package, or not of what is sealed in it.
      case overlayWrong = "overlay_wrong"
    }
    package let kind: Kind
    /// Within the package.
    package let path: String
  }

  package internal(set) var exportID: String?
  package internal(set) var madeAt: String?
  /// In the form verifiers are configured with; who trusts the package compares it with what the house publishes.
  package internal(set) var signedBy: String?
  package internal(set) var manifestHash: [UInt8]?
  package internal(set) var files = 0
  package internal(set) var messages = 0
  package internal(set) var auditIndex: Int64?
  /// Entries of the audit log when the package was handed out; `nil` without a proof.
  package internal(set) var logSize: Int64?
  /// The audit log's verifier key, as the package states it.
  package internal(set) var auditKey: String?
  /// Conversations whose numbers of messages were compared with what was there.
  package internal(set) var conversations: Int?
  /// Parts of a package that was cut.
  package internal(set) var parts: Int?
  /// Whether only its recipients can look inside: then the parts alone were checked.
  package internal(set) var isEncrypted = false
  /// Sealed messages whose text an overlay adds.
  package internal(set) var opened: Int?
  /// Who signed the overlay; `nil`: nobody did.
  package internal(set) var overlaySignedBy: String?
  /// Whether the package says that all that was selected is inside; and what it says is not. `nil`: nobody can look.
  package internal(set) var isComplete: Bool?
  package internal(set) var gaps: Int?
  package internal(set) var unreadable: Int?
  package internal(set) var problems: [Problem] = []
  package var isValid: Bool { problems.isEmpty }

  mutating func report(_ kind: Problem.Kind, _ path: String) {
    problems.append(Problem(kind: kind, path: path))
  }
}

extension Exporter {
  /// Checks a package without a database: signature, every file's hash, that nothing is missing or was added, and
  /// the counts of lines and messages. Blocks while it reads.
  /// - Parameter trusted: the verifier key the package must be signed by; any, when `nil`.
  /// - Parameter auditKey: the verifier key the audit log must be signed by; then a package without its proof fails.
  /// - Parameter overlay: a package of decrypted texts made for this one.
  /// - Parameter overlayKey: the verifier key the overlay must be signed by.
  package static func verify(
    path: String, trusted: String? = nil, auditKey: String? = nil, overlay: String? = nil,
    overlayKey: String? = nil
  ) throws -> ExportVerification {
    let path = Paths.absolute(path)
    let other = Others(auditKey: auditKey, overlay: overlay.map(Paths.absolute), overlayKey: overlayKey)
    guard overlayKey == nil || overlay != nil else {
      throw ExportError(.badSelection, "a key for the overlay goes with an overlay")
    }
    if let (list, folder) = try PackageParts.read(path) {
      return try verify(list, in: folder, trusted: trusted, other)
    }
    return try verify(try Packages.open(path), trusted, other)
  }

  /// What a package is checked against beside its own signer.
  private struct Others {
    let auditKey: String?
    let overlay: String?
    let overlayKey: String?
    var isEmpty: Bool { auditKey == nil && overlay == nil }
  }

  private static func verify(
    _ contents: any PackageContents, _ trusted: String?, _ other: Others
  ) throws -> ExportVerification {
    var found = try PackageVerifier(contents, auditKey: other.auditKey).verify(trusted: trusted)
    if let overlay = other.overlay {
      try OverlayVerifier(contents, trusted: other.overlayKey).verify(overlay, &found)
    }
    return found
  }

  /// Each part first: where one is missing, what they make together cannot be read.
  private static func verify(
    _ list: PackageParts, in folder: String, trusted: String?, _ other: Others
  ) throws -> ExportVerification {
    guard !list.encrypted || other.isEmpty else {
      throw ExportError(
        .badSelection,
        "the package is encrypted: put its parts together and open it with age to check its audit proof or an overlay"
      )
    }
    var found = ExportVerification()
    (found.exportID, found.signedBy, found.parts) = (list.exportID, list.key, list.parts.count)
    found.isEncrypted = list.encrypted
    if !list.isAuthentic { found.report(.unsigned, PackageParts.suffix) }
    if let trusted, trusted != list.key { found.report(.wrongKey, PackageParts.suffix) }
    for part in list.parts {
      let path = folder + "/" + part.name
      guard Paths.isRegularFile(path) else {
        found.report(.missing, part.name)
        continue
      }
      let isWhole = try Paths.size(path) == part.bytes && (try Paths.sha256(path)).hex == part.sha256
      if !isWhole { found.report(.changed, part.name) }
    }
    guard found.isValid, !list.encrypted else { return found }
    let zip = try PackageZip(paths: list.parts.map { folder + "/" + $0.name })
    var inside = try verify(zip, trusted ?? list.key, other)
    if inside.exportID != list.exportID || inside.manifestHash?.hex != list.manifestSHA256 {
      inside.report(.changed, PackageParts.suffix)
    }
    inside.parts = list.parts.count
    return inside
  }
}
