import Archive
import Foundation
import Sodium

/// Makes one file of a draft. Each step may be the last before a crash: the draft, once packed, has another name, and
/// the file gets its own by a rename that replaces nothing. All of it blocks.
struct PackagePacking: Sendable {
  /// The package's directory, as it was written.
  let draft: String
  let destination: String
  let export: Int64
  let packaging: ExportPackaging
  /// Seconds since 1970, of every entry: the same package has the same bytes, unless it is encrypted.
  let modified: Int64
  /// Where the file is cut into parts.
  var partBytes: Int64?
  /// Makes the list of parts.
  var parts: @Sendable ([PackageParts.Part]) throws -> PackageParts = { _ in
    throw ExportError(.badSelection, "nobody signs the list of parts")
  }

  private static let pieceBytes = 1 << 20
  /// Of each, a ZIP file's own directory is in memory, some 130 bytes, until it is whole; and of a reader, more.
  static let filesMax = 1_000_000

  /// The draft once ``file`` is whole.
  private var packed: String { Self.packed(draft) }
  private var file: String { Self.file(destination, export: export) }

  static func packed(_ draft: String) -> String { draft + ".packed" }

  /// Beside the destination, until it is whole.
  static func file(_ destination: String, export: Int64) -> String {
    PackageDraft.temporary(for: destination, export: export) + ".file"
  }

  /// What is there of it, in parts or not: its name is nobody else's.
  static func files(_ destination: String, export: Int64) -> [String] {
    PackageParts.files(at: file(destination, export: export), isSplit: true)
  }

  /// Goes on wherever an earlier attempt ended.
  func run() throws {
    if !Paths.exists(packed) {
      try pack()
      guard rename(draft, packed) == 0 else { throw ExportError.system("rename", draft) }
      try Paths.syncDirectory(Paths.parent(of: packed))
    }
    // The list of parts comes last in order of names: where it is, the parts are.
    for written in Self.files(destination, export: export) {
      try Paths.moveFile(written, to: destination + written.dropFirst(file.count))
    }
    try Paths.remove(packed)
  }

  private func pack() throws {
    try Paths.makeDirectory(Paths.parent(of: destination))
    // What a crash left: nobody has seen it.
    for path in Self.files(destination, export: export) { try Paths.remove(path) }
    let output = PackageOutput(file, partBytes: partBytes)
    switch packaging {
    case .encrypted(let recipients):
      var encryption = try AgeEncryption(to: recipients)
      try zip { try output.write(encryption.encrypt($0)) }
      try output.write(encryption.finish())
    case .zip, .directory: try zip { try output.write($0) }
    }
    try output.finish()
    guard partBytes != nil else { return }
    let name = destination.split(separator: "/").last.map(String.init) ?? destination
    let named = output.parts.map {
      PackageParts.Part(name: name + $0.name, bytes: $0.bytes, sha256: $0.sha256)
    }
    try Paths.replace(file + PackageParts.suffix, with: try parts(named).bytes)
  }

  /// In order of names, so that the order of writing does not show.
  private func zip(_ write: ([UInt8]) throws -> Void) throws {
    let writer = try ZipWriter()
    try Paths.walk(draft) { path in
      let whole = draft + "/" + path
      guard let input = FileHandle(forReadingAtPath: whole) else { throw ExportError.system("open", whole) }
      defer { try? input.close() }
      try writer.begin(path, size: Int(try Paths.size(whole)), modified: modified)
      while let piece = try input.read(upToCount: Self.pieceBytes), !piece.isEmpty {
        try writer.write(Array(piece))
        try write(writer.take())
      }
    }
    try writer.finish()
    try write(writer.take())
  }
}
