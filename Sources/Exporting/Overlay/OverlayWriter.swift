import Archive
import Foundation
package import Model
package import Sodium

/// What an overlay has of a package.
package struct OverlayReport: Sendable, Hashable {
  package let exportID: String
  /// Sealed bodies of the package.
  package let sealed: Int
  /// Those whose text the overlay has.
  package let opened: Int
}

extension Exporter {
  /// Makes an overlay: a directory, or a ZIP file if its name says so, with texts for a package's sealed bodies. Needs
  /// the package and the texts, no database; who has the keys opens the bodies with their own program.
  /// - Parameters:
  ///   - texts: lines of JSON with `message_id`, `version` of an edit, and `plain`; `ciphertext_sha256` is compared if
  ///     it is there.
  ///   - signer: signs the overlay, so that who made it can be told.
  package static func overlay(
    _ path: String, texts: String, output: String, madeBy: String, at time: Timestamp, signer: SigningKey?
  ) throws -> OverlayReport {
    let output = Paths.absolute(output)
    guard !Paths.exists(output) else {
      throw ExportError(.pathExists, "\(output) exists already; choose a path where nothing is")
    }
    let contents = try Packages.openWhole(Paths.absolute(path))
    guard let bytes = try contents.read(Manifest.fileName, limit: Manifest.bytesMax),
      let manifest = try? JSONDecoder().decode(Manifest.self, from: Data(bytes))
    else { throw ExportError(.notAPackage, "\(path) has no manifest") }
    let places = try SealedPlaces(contents)
    let folder = output + ".partial"
    try Paths.makeDirectory(folder)
    do {
      let made = try write(texts, places, to: folder + "/" + OverlayManifest.textsName)
      var overlay = OverlayManifest(
        exportID: manifest.exportID, manifestSHA256: SHA256.hash(bytes).hex, madeBy: madeBy,
        madeAt: time.rfc3339, sealed: places.hashes.count, opened: made.opened, bytes: made.bytes,
        sha256: made.sha256)
      if let signer { overlay = try overlay.signed(by: signer) }
      try Paths.replace(folder + "/" + OverlayManifest.fileName, with: try overlay.encoded)
      try deliver(folder, to: output, modified: time.microseconds / 1_000_000)
      return OverlayReport(exportID: manifest.exportID, sealed: overlay.sealed, opened: overlay.opened)
    } catch {
      try? Paths.remove(folder)
      throw error
    }
  }

  private static func deliver(_ folder: String, to output: String, modified: Int64) throws {
    guard output.hasSuffix(".zip") else { return try Paths.move(folder, to: output) }
    let file = folder + ".zip"
    try Paths.remove(file)
    let packed = PackageOutput(file, partBytes: nil)
    let writer = try ZipWriter()
    for path in try Paths.files(in: folder) {
      let whole = folder + "/" + path
      guard let input = FileHandle(forReadingAtPath: whole) else { throw ExportError.system("open", whole) }
      defer { try? input.close() }
      try writer.begin(path, size: Int(try Paths.size(whole)), modified: modified)
      while let piece = try input.read(upToCount: 1 << 20), !piece.isEmpty {
        try writer.write(Array(piece))
        try packed.write(writer.take())
      }
    }
    try writer.finish()
    try packed.write(writer.take())
    try packed.finish()
    try Paths.moveFile(file, to: output)
    try Paths.remove(folder)
  }

  /// Every text must be of a body that is sealed in the package, and each body has one.
  private static func write(_ texts: String, _ places: SealedPlaces, to path: String) throws -> (
    opened: Int, bytes: Int, sha256: String
  ) {
    guard let input = FileHandle(forReadingAtPath: texts) else { throw ExportError.system("open", texts) }
    defer { try? input.close() }
    let output = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard output >= 0 else { throw ExportError.system("create", path) }
    defer { close(output) }
    var (lines, bytes, number) = (LineReader(), 0, 0)
    var hash: SHA256Stream? = SHA256Stream()
    var seen: Set<SealedPlaces.Place> = []
    func add(_ line: [UInt8]) throws {
      number += 1
      let new = try Self.line(line, number, places, &seen)
      hash?.update(new)
      bytes += new.count
      try PackageFile.write(new, to: output, path)
    }
    while let piece = try input.read(upToCount: 1 << 20), !piece.isEmpty {
      for line in try lines.add(Array(piece)) { try add(line) }
    }
    if let line = lines.finish() { try add(line) }
    guard fsync(output) == 0 else { throw ExportError.system("sync", path) }
    return (seen.count, bytes, hash.take()?.finish().hex ?? "")
  }

  private static func line(
    _ line: [UInt8], _ number: Int, _ places: SealedPlaces, _ seen: inout Set<SealedPlaces.Place>
  ) throws -> [UInt8] {
    guard var text = try? JSONDecoder().decode(OverlayText.self, from: Data(line)) else {
      throw ExportError(.badSelection, "line \(number) of the texts is not {\"message_id\", \"plain\"}")
    }
    guard let hash = places.hashes[text.place] else {
      throw ExportError(.badSelection, "line \(number) of the texts is of no sealed body in the package")
    }
    guard text.ciphertextSHA256.map({ $0.lowercased() == hash.hex }) ?? true else {
      throw ExportError(.badSelection, "line \(number) of the texts is of another ciphertext")
    }
    guard seen.insert(text.place).inserted else {
      throw ExportError(.badSelection, "line \(number) of the texts is of a body that has one already")
    }
    text.ciphertextSHA256 = hash.hex
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(text)) + [0x0A]
  }
}
