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
  package static func verify(path: String, trusted: String? = nil) throws -> ExportVerification {
    try PackageVerifier(try Packages.open(Paths.absolute(path))).verify(trusted: trusted)
  }
}

/// One pass over a package.
struct PackageVerifier {
  private static let created = Array(#"{"type":"message.created","#.utf8)
  private let contents: any PackageContents
  private var found = ExportVerification()

  init(_ contents: any PackageContents) { self.contents = contents }

  consuming func verify(trusted: String?) throws -> ExportVerification {
    guard let bytes = try contents.read(Manifest.fileName, limit: Manifest.bytesMax) else {
      found.report(.missing, Manifest.fileName)
      return found
    }
    let hash = SHA256.hash(bytes)
    found.manifestHash = hash
    guard let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(bytes)),
      manifest.version == Manifest.version
    else {
      found.report(.malformed, Manifest.fileName)
      return found
    }
    (found.exportID, found.madeAt, found.files) = (manifest.exportID, manifest.madeAt, manifest.files.count)
    let key = try checkSignature(manifest, hash, trusted: trusted)
    try checkCustody(manifest, hash, key)
    try checkFiles(manifest)
    return found
  }

  private mutating func checkSignature(_ manifest: Manifest, _ hash: [UInt8], trusted: String?) throws
    -> NoteKey?
  {
    let text = try contents.read(Manifest.keyName, limit: 4_096).map {
      String(decoding: $0, as: UTF8.self)
    }
    guard let line = text, line.hasSuffix("\n"), let key = NoteKey(verifierKey: String(line.dropLast()))
    else {
      found.report(.missing, Manifest.keyName)
      return nil
    }
    found.signedBy = key.verifierKey
    if let trusted, trusted != key.verifierKey { found.report(.wrongKey, Manifest.keyName) }
    let signature = try contents.read(Manifest.signatureName, limit: 65_536)
    guard let signature, let note = try? SignedNote(parsing: String(decoding: signature, as: UTF8.self)),
      note.text == Manifest.statement(export: manifest.exportID, hash: hash),
      (try? note.verify(by: [key])) != nil
    else {
      found.report(.unsigned, Manifest.signatureName)
      return key
    }
    return key
  }

  private mutating func checkCustody(_ manifest: Manifest, _ hash: [UInt8], _ key: NoteKey?) throws {
    guard let bytes = try contents.read(Custody.fileName, limit: Custody.bytesMax) else {
      found.report(.custodyMissing, Custody.fileName)
      return
    }
    guard let custody = try? JSONDecoder().decode(Custody.self, from: Data(bytes)), let key,
      custody.exportID == manifest.exportID, custody.manifestSHA256 == hash.hex,
      try custody.isAuthentic(by: key),
      try custody.bytes == bytes
    else {
      found.report(.custodyWrong, Custody.fileName)
      return
    }
    found.auditIndex = custody.events.last?.auditIndex
  }

  /// Every format has a folder, or one file, of its own, with all messages in it.
  private static func messages(_ files: [Manifest.File]) -> Int {
    let formats = Dictionary(grouping: files) { $0.path.prefix { $0 != "/" } }
    return formats.values.map { $0.reduce(0) { $0 + $1.messages } }.max() ?? 0
  }

  /// Files whose lines and messages are counted.
  private static let linesFiles: Set = [JSONLinesFormat.fileName, DSARFormat.dataName]

  private mutating func checkFiles(_ manifest: Manifest) throws {
    var expected = Dictionary(manifest.files.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
    if expected.count != manifest.files.count { found.report(.malformed, Manifest.fileName) }
    var own: Set = [Manifest.fileName, Manifest.signatureName, Manifest.keyName, Custody.fileName]
    try contents.forEach { path, isPlain, next in
      // A second one of a name, as archives can have, is none of the package's.
      if own.remove(path) != nil { return }
      guard let file = expected.removeValue(forKey: path) else { return found.report(.extra, path) }
      if isPlain { try check(file, next) } else { found.report(.changed, path) }
    }
    for path in expected.keys.sorted() { found.report(.missing, path) }
    let format = manifest.files.first { Self.linesFiles.contains($0.path) }
    found.messages = format?.messages ?? Self.messages(manifest.files)
    if found.messages != manifest.counts.messages { found.report(.miscounted, Manifest.fileName) }
  }

  private mutating func check(_ file: Manifest.File, _ next: () throws -> [UInt8]) throws {
    let isLines = Self.linesFiles.contains(file.path)
    var hash = SHA256Stream()
    var counter = LineCounter(prefix: Self.created)
    var bytes = 0
    while true {
      let chunk = try next()
      if chunk.isEmpty { break }
      bytes += chunk.count
      hash.update(chunk)
      if isLines { counter.count(chunk) }
    }
    guard bytes == file.bytes, hash.finish().hex == file.sha256 else {
      return found.report(.changed, file.path)
    }
    if isLines, counter.lines != file.lines || counter.matching != file.messages {
      found.report(.miscounted, file.path)
    }
  }
}

/// Counts lines, and those that begin with a prefix, in bytes that arrive in pieces.
struct LineCounter {
  private let prefix: [UInt8]
  private(set) var lines = 0
  private(set) var matching = 0
  /// How much of the prefix the current line has had; `nil` once it differs.
  private var matched: Int? = 0

  init(prefix: [UInt8]) { self.prefix = prefix }

  mutating func count(_ bytes: [UInt8]) {
    for byte in bytes {
      if byte == 0x0A {
        lines += 1
        matched = 0
      } else if let at = matched {
        matched = prefix[at] == byte ? at + 1 : nil
        if matched == prefix.count {
          matching += 1
          matched = nil
        }
      }
    }
  }
}
