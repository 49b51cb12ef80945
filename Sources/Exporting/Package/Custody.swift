import AuditLog
import Foundation
import Sodium

/// `custody.json`: who made the package and when, and where the audit log says so; signed on its own, as the log's
/// index is known only after the manifest is.
struct Custody: Codable, Hashable {
  static let fileName = "custody.json"
  static let bytesMax = 1 << 20

  struct Event: Codable, Hashable {
    let action: String
    let by: String
    let at: String
    let auditIndex: Int64?

    enum CodingKeys: String, CodingKey {
      case action, by, at
      case auditIndex = "audit_index"
    }
  }

  let exportID: String
  /// Hexadecimal.
  let manifestSHA256: String
  let auditLog: String
  /// The public key of that log; `nil` in packages without a proof of it.
  var auditKey: String?
  let events: [Event]
  /// A signed note over the other members.
  var note: String?

  enum CodingKeys: String, CodingKey {
    case events, note
    case exportID = "export_id"
    case manifestSHA256 = "manifest_sha256"
    case auditLog = "audit_log"
    case auditKey = "audit_key"
  }

  var bytes: [UInt8] {
    get throws { Array(try PackageJSON.encoder.encode(self)) + [0x0A] }
  }

  /// The text that is signed: the hash of all members but the note.
  private var statement: String {
    get throws {
      var bare = self
      bare.note = nil
      return "muniment export custody v1\n\(exportID)\n\(SHA256.hash(try bare.bytes).base64())\n"
    }
  }

  func signed(by key: SigningKey) throws -> Custody {
    var signed = self
    signed.note = SignedNote.sign(try statement, name: Manifest.signer, with: key)
    return signed
  }

  func isAuthentic(by key: NoteKey) throws -> Bool {
    guard let note, let parsed = try? SignedNote(parsing: note), parsed.text == (try statement) else {
      return false
    }
    return (try? parsed.verify(by: [key])) != nil
  }
}
