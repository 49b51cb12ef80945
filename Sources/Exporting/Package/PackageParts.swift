import AuditLog
import Foundation
import Sodium

/// `X.zip.parts.json`: of which parts a package consists that was cut, each with its hash; signed. The parts one after
/// the other are the file: `cat X.zip.[0-9]* > X.zip`.
struct PackageParts: Codable, Hashable {
  static let suffix = ".parts.json"
  static let partsMax = 9_999
  static let bytesMax = 8 << 20

  struct Part: Codable, Hashable {
    let name: String
    let bytes: Int64
    /// Hexadecimal.
    let sha256: String
  }

  var version = 1
  let exportID: String
  /// Hexadecimal.
  let manifestSHA256: String
  /// Whether the whole is an age file.
  let encrypted: Bool
  let parts: [Part]
  /// The verifier key it is signed by, and the signature, a note over the other members.
  var key: String?
  var note: String?

  init(exportID: String, manifestSHA256: String, encrypted: Bool, parts: [Part]) {
    self.exportID = exportID
    self.manifestSHA256 = manifestSHA256
    self.encrypted = encrypted
    self.parts = parts
  }

  enum CodingKeys: String, CodingKey {
    case version, encrypted, parts, key, note
    case exportID = "export_id"
    case manifestSHA256 = "manifest_sha256"
  }

  var bytes: [UInt8] {
    get throws { Array(try PackageJSON.encoder.encode(self)) + [0x0A] }
  }

  private var statement: String {
    get throws {
      var bare = self
      bare.note = nil
      return "muniment export parts v1\n\(exportID)\n\(SHA256.hash(try bare.bytes).base64())\n"
    }
  }

  func signed(by signer: SigningKey) throws -> PackageParts {
    var signed = self
    signed.key = Manifest.key(of: signer)?.verifierKey
    signed.note = SignedNote.sign(try signed.statement, name: Manifest.signer, with: signer)
    return signed
  }

  var isAuthentic: Bool {
    guard let note, let key = key.flatMap(NoteKey.init(verifierKey:)),
      let parsed = try? SignedNote(parsing: note)
    else { return false }
    return parsed.text == (try? statement) && (try? parsed.verify(by: [key])) != nil
  }

  static func suffix(_ number: Int) -> String { "." + FolderNames.padded(number, 4) }

  /// What there is of a package at a path: the path itself, or its parts and their list.
  /// - Parameter isSplit: whether it is known to be cut; otherwise numbers count as parts only beside a list of them,
  ///   as `case.2024` is no part of `case`.
  static func files(at path: String, isSplit: Bool) -> [String] {
    guard !Paths.exists(path) else { return [path] }
    guard isSplit || Paths.isRegularFile(path + suffix) else { return [] }
    let (folder, name) = (Paths.parent(of: path), path.split(separator: "/").last.map(String.init) ?? path)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasPrefix(name + ".") && isPart($0.dropFirst(name.count)) }.sorted()
      .map { folder + "/" + $0 }
  }

  private static func isPart(_ end: Substring) -> Bool {
    end == suffix[...]
      || (end.utf8.count == 5 && end.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) })
  }

  /// The list of a package that is named by its list, by one of its parts, or by what its parts make together.
  static func read(_ path: String) throws -> (list: PackageParts, folder: String)? {
    var base = path
    if base.hasSuffix(suffix) {
      base.removeLast(suffix.count)
    } else if base.utf8.count > 5, isPart(base.suffix(5)) {
      base.removeLast(5)
    }
    let list = base + suffix
    guard Paths.isRegularFile(list), base != path || !Paths.exists(path) else { return nil }
    let bytes = try Paths.read(list, limit: bytesMax)
    guard let parts = try? JSONDecoder().decode(PackageParts.self, from: Data(bytes)), parts.version == 1,
      try parts.bytes == bytes, parts.parts.allSatisfy({ !$0.name.contains("/") && !$0.name.isEmpty })
    else { throw ExportError(.notAPackage, "\(list) is no list of parts") }
    return (parts, Paths.parent(of: list))
  }
}
