import AuditLog
import Foundation
import Sodium

/// One pass over a package.
struct PackageVerifier {
  private static let created = Array(#"{"type":"message.created","#.utf8)
  private let contents: any PackageContents
  /// The verifier key the audit log must be signed by; any, when `nil`.
  private let trustedLog: String?
  private var found = ExportVerification()
  /// Of each conversation, as the package spells it: messages in the lines, and as the package states them.
  private var counted: [[UInt8]: Int]?
  private var stated: [[UInt8]: PackageStatement.Line]?

  init(_ contents: any PackageContents, auditKey: String? = nil) {
    self.contents = contents
    trustedLog = auditKey
  }

  consuming func verify(trusted: String?) throws -> ExportVerification {
    guard let bytes = try contents.read(Manifest.fileName, limit: Manifest.bytesMax) else {
      found.report(.missing, Manifest.fileName)
      return found
    }
    let hash = SHA256.hash(bytes)
    found.manifestHash = hash
    guard let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(bytes)),
      manifest.version == (manifest.fileList == nil ? Manifest.version : Manifest.listedVersion)
    else {
      found.report(.malformed, Manifest.fileName)
      return found
    }
    (found.exportID, found.madeAt) = (manifest.exportID, manifest.madeAt)
    found.files = manifest.files.count + (manifest.fileList.map { $0.lines + 1 } ?? 0)
    let counts = manifest.counts
    (found.isComplete, found.gaps, found.unreadable) = (manifest.complete, counts.gaps, counts.unreadable)
    let key = try checkSignature(manifest, hash, trusted: trusted)
    try checkCustody(manifest, hash, key)
    try checkFiles(manifest)
    checkConversations(manifest)
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
    // Older packages have no proof; who asks for one must hear of that.
    if custody.auditKey != nil || trustedLog != nil { try checkProof(manifest, custody, hash) }
  }

  /// That the log states the package: entry, way to the log's state, its signature.
  private mutating func checkProof(_ manifest: Manifest, _ custody: Custody, _ hash: [UInt8]) throws {
    found.auditKey = custody.auditKey
    if let trustedLog, let key = custody.auditKey, trustedLog != key {
      found.report(.wrongKey, AuditProof.proofName)
    }
    let entry = try contents.read(AuditProof.entryName, limit: AuditProof.entryBytesMax)
    let text = try contents.read(AuditProof.proofName, limit: AuditProof.proofBytesMax)
    guard let entry, let text else {
      found.report(.proofMissing, entry == nil ? AuditProof.entryName : AuditProof.proofName)
      return
    }
    guard let key = custody.auditKey.flatMap(NoteKey.init(verifierKey:)), key.name == custody.auditLog,
      let proof = try? ProofFile(parsing: String(decoding: text, as: UTF8.self)),
      let checkpoint = try? proof.verify(entry, by: key), proof.index == found.auditIndex,
      let read = CanonicalJSON(parsing: entry), read["action"]?.string == "export.created",
      read["object"]?.string == manifest.exportID, read["index"]?.integer == proof.index,
      read["details"]?["manifest_sha256"]?.string == hash.hex
    else {
      found.report(.proofWrong, AuditProof.proofName)
      return
    }
    found.logSize = checkpoint.size
  }

  /// What is inside against what was there when the export began. A shortfall is right only where it is stated.
  private mutating func checkConversations(_ manifest: Manifest) {
    guard let stated else { return }
    found.conversations = stated.count
    let sums = stated.values.reduce(into: (there: 0, inside: 0)) {
      $0.there += $1.there
      $0.inside += $1.inside
    }
    let isRight =
      sums.inside == manifest.counts.messages
      && (counted.map { counted in
        stated.allSatisfy { counted[$0.key, default: 0] == $0.value.inside }
          && counted.keys.allSatisfy { stated[$0] != nil }
      } ?? true)
    if !isRight { found.report(.miscounted, PackageStatement.fileName) }
    let missing = sums.there - sums.inside
    if manifest.complete && missing > 0
      || manifest.counts.gaps == 0 && missing > manifest.counts.unreadable
    {
      found.report(.incomplete, PackageStatement.fileName)
    }
  }

  /// Files whose lines and messages are counted.
  static let linesFiles: Set = [JSONLinesFormat.fileName, DSARFormat.dataName]

  private mutating func checkFiles(_ manifest: Manifest) throws {
    var expected = try ExpectedFiles(manifest, contents)
    var own: Set = [
      Manifest.fileName, Manifest.signatureName, Manifest.keyName, Custody.fileName,
      AuditProof.entryName, AuditProof.proofName,
    ]
    try contents.forEach { path, isPlain, next in
      // A second one of a name, as archives can have, is none of the package's.
      if own.remove(path) != nil { return }
      guard let file = try expected.take(path) else { return found.report(.extra, path) }
      if isPlain { try check(file, next) } else { found.report(.changed, path) }
    }
    for path in try expected.rest() { found.report(.missing, path) }
    if expected.isMalformed { found.report(.malformed, manifest.fileList?.path ?? Manifest.fileName) }
    found.messages = expected.messages
    if found.messages != manifest.counts.messages { found.report(.miscounted, Manifest.fileName) }
  }

  private mutating func check(_ file: Manifest.File, _ next: () throws -> [UInt8]) throws {
    let isLines = Self.linesFiles.contains(file.path)
    var hash = SHA256Stream()
    var counter = LineCounter(prefix: Self.created)
    var places = file.path == JSONLinesFormat.fileName ? ConversationCounter() : nil
    var statement: [UInt8]? = file.path == PackageStatement.fileName ? [] : nil
    var bytes = 0
    while true {
      let chunk = try next()
      if chunk.isEmpty { break }
      bytes += chunk.count
      hash.update(chunk)
      if isLines { counter.count(chunk) }
      places?.count(chunk)
      if statement.map({ $0.count <= Manifest.bytesMax }) == true { statement? += chunk }
    }
    guard bytes == file.bytes, hash.finish().hex == file.sha256 else {
      return found.report(.changed, file.path)
    }
    if let places { counted = places.counts }
    if let statement {
      stated = PackageStatement.parse(statement)
      if stated == nil { found.report(.malformed, file.path) }
    }
    if isLines, counter.lines != file.lines || counter.matching != file.messages {
      found.report(.miscounted, file.path)
    }
  }
}
