import AuditLog
import Foundation
import Sodium

/// `overlay.json`: texts of sealed bodies, added to a package by whoever holds the keys. It names the package by the
/// hash of its manifest, and each body by the hash of its ciphertext: the package stays as it is.
struct OverlayManifest: Codable, Hashable {
  static let fileName = "overlay.json"
  static let textsName = "overlay.jsonl"
  static let signer = "muniment/overlay"
  static let bytesMax = 1 << 20

  var version = 1
  let exportID: String
  /// Hexadecimal.
  let manifestSHA256: String
  let madeBy: String
  let madeAt: String
  /// Sealed bodies of the package, and those whose text is here.
  let sealed: Int
  let opened: Int
  /// Of the texts.
  let bytes: Int
  let sha256: String
  /// Who signed it, if somebody did; and the signature, a note over the other members.
  var key: String?
  var note: String?

  enum CodingKeys: String, CodingKey {
    case version, sealed, opened, bytes, sha256, key, note
    case exportID = "export_id"
    case manifestSHA256 = "manifest_sha256"
    case madeBy = "made_by"
    case madeAt = "made_at"
  }

  var encoded: [UInt8] {
    get throws { Array(try PackageJSON.encoder.encode(self)) + [0x0A] }
  }

  private var statement: String {
    get throws {
      var bare = self
      bare.note = nil
      return "muniment export overlay v1\n\(exportID)\n\(SHA256.hash(try bare.encoded).base64())\n"
    }
  }

  func signed(by signer: SigningKey) throws -> OverlayManifest {
    var signed = self
    signed.key = NoteKey(name: Self.signer, publicKey: signer.publicKey)?.verifierKey
    signed.note = SignedNote.sign(try signed.statement, name: Self.signer, with: signer)
    return signed
  }

  /// An overlay may be unsigned; one that says it is signed must be.
  var isAuthentic: Bool {
    guard let key else { return note == nil }
    guard let note, let parsed = try? SignedNote(parsing: note), let known = NoteKey(verifierKey: key) else {
      return false
    }
    return parsed.text == (try? statement) && (try? parsed.verify(by: [known])) != nil
  }
}

/// One text, in the lines of an overlay and in what it is made from.
struct OverlayText: Codable, Hashable {
  let messageID: String
  /// Of an edit; none: the message as it was sent.
  var version: Int64?
  /// Hexadecimal; may be left out in what an overlay is made from.
  var ciphertextSHA256: String?
  let plain: String

  enum CodingKeys: String, CodingKey {
    case version, plain
    case messageID = "message_id"
    case ciphertextSHA256 = "ciphertext_sha256"
  }

  var place: SealedPlaces.Place { SealedPlaces.Place(message: messageID, version: version ?? 0) }
}

/// The sealed bodies of a package, by the hashes of their ciphertexts.
struct SealedPlaces {
  struct Place: Hashable {
    let message: String
    let version: Int64
  }
  static let placesMax = 5_000_000
  private static let marker = Array(#""body":{"sealed":""#.utf8)

  private struct Event: Decodable {
    struct Body: Decodable { let sealed: String? }
    let message_id: String?
    let version: Int64?
    let body: Body?
  }

  private(set) var hashes: [Place: [UInt8]] = [:]

  /// Reads the package's lines; a package without them has nothing an overlay could name.
  init(_ contents: any PackageContents) throws {
    var found: [Place: [UInt8]] = [:]
    var isThere = false
    try contents.forEach { path, isPlain, next in
      guard path == JSONLinesFormat.fileName, isPlain else { return }
      isThere = true
      var lines = LineReader()
      while true {
        let piece = try next()
        if piece.isEmpty { break }
        for line in try lines.add(piece) { try Self.add(line, to: &found) }
      }
    }
    guard isThere else {
      throw ExportError(.badSelection, "an overlay is for packages with jsonl, which have the ciphertexts")
    }
    hashes = found
  }

  private static func add(_ line: [UInt8], to found: inout [Place: [UInt8]]) throws {
    guard line.contains(subsequence: marker),
      let event = try? JSONDecoder().decode(Event.self, from: Data(line)), let id = event.message_id,
      let sealed = event.body?.sealed.flatMap({ [UInt8](base64: $0) })
    else { return }
    guard found.count < placesMax else {
      throw ExportError(.tooMany, "the package has over \(placesMax) sealed bodies; overlay parts of it")
    }
    found[Place(message: id, version: event.version ?? 0)] = SHA256.hash(sealed)
  }
}

/// Whole lines out of bytes that arrive in pieces.
struct LineReader {
  /// Of a line: a foreign file cannot fill the memory.
  static let bytesMax = 64 << 20
  private let bytesMax: Int
  private var rest: [UInt8] = []

  init(bytesMax: Int = LineReader.bytesMax) { self.bytesMax = bytesMax }

  /// - Throws: ``ExportError`` `.notAPackage` for a line over the limit.
  mutating func add(_ bytes: [UInt8]) throws(ExportError) -> [[UInt8]] {
    guard rest.count + bytes.count <= bytesMax + Packages.pieceBytes else {
      throw ExportError(.notAPackage, "a line has over \(bytesMax) bytes")
    }
    rest += bytes
    guard let last = rest.lastIndex(of: 0x0A) else { return [] }
    let lines = rest[..<last].split(separator: 0x0A).map(Array.init)
    rest.removeFirst(last + 1)
    return lines
  }

  /// A line without an end.
  mutating func finish() -> [UInt8]? {
    defer { rest = [] }
    return rest.isEmpty ? nil : rest
  }
}

extension [UInt8] {
  func contains(subsequence: [UInt8]) -> Bool {
    guard let first = subsequence.first, count >= subsequence.count else { return false }
    return withUnsafeBufferPointer { buffer in
      var at = 0
      while at + subsequence.count <= buffer.count {
        if buffer[at] == first, buffer[at..<at + subsequence.count].elementsEqual(subsequence) { return true }
        at += 1
      }
      return false
    }
  }
}
