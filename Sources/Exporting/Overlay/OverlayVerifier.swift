import Foundation
import Sodium

/// Checks that an overlay is of a package: manifest's hash, texts' hash, each ciphertext's hash.
struct OverlayVerifier {
  private let contents: any PackageContents
  /// The verifier key it must be signed by; any or none, when `nil`.
  private let trusted: String?

  init(_ contents: any PackageContents, trusted: String? = nil) {
    (self.contents, self.trusted) = (contents, trusted)
  }

  func verify(_ path: String, _ found: inout ExportVerification) throws {
    let overlay = try Packages.open(path)
    guard let bytes = try overlay.read(OverlayManifest.fileName, limit: OverlayManifest.bytesMax),
      let manifest = try? JSONDecoder().decode(OverlayManifest.self, from: Data(bytes)),
      manifest.version == 1, try manifest.encoded == bytes
    else { return found.report(.malformed, OverlayManifest.fileName) }
    if !manifest.isAuthentic { found.report(.unsigned, OverlayManifest.fileName) }
    found.overlaySignedBy = manifest.key
    if let trusted, trusted != manifest.key { found.report(.wrongKey, OverlayManifest.fileName) }
    guard manifest.exportID == found.exportID, manifest.manifestSHA256 == found.manifestHash?.hex else {
      return found.report(.overlayWrong, OverlayManifest.fileName)
    }
    let places = try SealedPlaces(contents)
    var seen: Set<SealedPlaces.Place> = []
    var (isRight, size, isThere) = (true, 0, false)
    var hash: SHA256Stream? = SHA256Stream()
    try overlay.forEach { path, isPlain, next in
      guard path != OverlayManifest.fileName else { return }
      guard path == OverlayManifest.textsName, isPlain, !isThere else { return found.report(.extra, path) }
      isThere = true
      var lines = LineReader()
      while true {
        let piece = try next()
        if piece.isEmpty { break }
        hash?.update(piece)
        size += piece.count
        for line in try lines.add(piece) where !Self.isOf(places, line, &seen) { isRight = false }
      }
      if lines.finish() != nil { isRight = false }
    }
    guard isThere else { return found.report(.missing, OverlayManifest.textsName) }
    if size != manifest.bytes || hash.take()?.finish().hex != manifest.sha256 {
      found.report(.changed, OverlayManifest.textsName)
    }
    if !isRight || seen.count != manifest.opened || places.hashes.count != manifest.sealed {
      found.report(.overlayWrong, OverlayManifest.textsName)
    }
    found.opened = seen.count
  }

  private static func isOf(_ places: SealedPlaces, _ line: [UInt8], _ seen: inout Set<SealedPlaces.Place>)
    -> Bool
  {
    guard let text = try? JSONDecoder().decode(OverlayText.self, from: Data(line)),
      let hash = places.hashes[text.place], text.ciphertextSHA256 == hash.hex
    else { return false }
    return seen.insert(text.place).inserted
  }
}
