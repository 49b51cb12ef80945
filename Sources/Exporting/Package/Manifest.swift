import AuditLog
import Foundation
import Sodium

/// `manifest.json`: what is in a package. Its SHA-256 is what is signed and what the audit log states.
struct Manifest: Codable, Hashable {
  static let fileName = "manifest.json"
  static let signatureName = "manifest.sig"
  static let keyName = "manifest.pub"
  static let signer = "muniment/export"
  static let version = 1
  /// With a list of files that lies beside it.
  static let listedVersion = 2
  static let listName = "files.jsonl"
  static let bytesMax = 256 << 20

  struct File: Codable, Hashable, Sendable {
    let path: String
    let bytes: Int
    /// Hexadecimal.
    let sha256: String
    let messages: Int
    let lines: Int
  }

  /// The platform's ids, so that the package explains itself.
  struct Selection: Codable, Hashable {
    var subject: String?
    var conversations: [String]?
    var hold: String?
    /// How many messages were picked one by one.
    var messages: Int?
    var query: ExportQuery?
    var from: String?
    var to: String?
    /// The last step of the feed that counts, by index group: what came later is not inside.
    var feed: [Int64]?
  }

  var version = Self.version
  let exportID: String
  let tenant: String
  let selection: Selection
  let madeAt: String
  let complete: Bool
  let counts: ExportCounts
  let files: [File]
  /// Where they are too many for one document: the file whose lines are the others, in order of their paths' bytes.
  var fileList: File?

  enum CodingKeys: String, CodingKey {
    case version, tenant, selection, complete, counts, files
    case exportID = "export_id"
    case madeAt = "made_at"
    case fileList = "file_list"
  }

  var bytes: [UInt8] {
    get throws { Array(try PackageJSON.encoder.encode(self)) + [0x0A] }
  }

  static func key(of signer: SigningKey) -> NoteKey? {
    NoteKey(name: Self.signer, publicKey: signer.publicKey)
  }

  /// The text that is signed for a manifest of these bytes.
  static func statement(export: String, hash: [UInt8]) -> String {
    "muniment export manifest v1\n\(export)\n\(hash.base64())\n"
  }
}

enum PackageJSON {
  /// One spelling for one value, so that what is read can be spelt again and its signature checked.
  static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    return encoder
  }
}
