import Archive
import Foundation

/// A package as it is read back.
protocol PackageContents {
  /// A small file as a whole; `nil` if it is missing or over `limit` bytes.
  func read(_ path: String, limit: Int) throws -> [UInt8]?
  /// Visits all files. `isPlain` is false for links and the like, of which nothing is read.
  func forEach(_ visit: (_ path: String, _ isPlain: Bool, _ next: () throws -> [UInt8]) throws -> Void) throws
  /// Reads one file piece by piece, beside a visit; an empty piece is its end. `nil` if it is missing.
  func pieces(of path: String) throws -> (() throws -> [UInt8])?
}

/// Where packages are read from.
enum Packages {
  static let pieceBytes = 1 << 20

  /// - Throws: ``ExportError`` `.notAPackage`, saying what to do.
  static func open(_ path: String) throws -> any PackageContents {
    if Paths.isDirectory(path) { return PackageDirectory(root: path) }
    switch try start(of: path) {
    case "PK": return try PackageZip(paths: [path])
    case "age":
      throw ExportError(.notAPackage, "\(path) is encrypted; open it first: age -d -i KEY -o X.zip \(path)")
    default: throw ExportError(.notAPackage, "\(path) is neither a directory nor a ZIP file")
    }
  }

  /// As ``open(_:)``, also of a package that was cut into parts, which must all be there.
  static func openWhole(_ path: String) throws -> any PackageContents {
    guard let (list, folder) = try PackageParts.read(path) else { return try open(path) }
    guard !list.encrypted else {
      throw ExportError(
        .notAPackage, "\(path) is encrypted; put its parts together and open it with age first")
    }
    return try PackageZip(paths: list.parts.map { folder + "/" + $0.name })
  }

  /// Whether the file at a path is an encrypted package, as far as anybody can tell without a key.
  static func isEncrypted(_ path: String) -> Bool { (try? start(of: path)) == "age" }

  private static func start(of path: String) throws -> String? {
    guard Paths.isRegularFile(path), let file = FileHandle(forReadingAtPath: path) else {
      throw ExportError(.notAPackage, "there is no package at \(path)")
    }
    defer { try? file.close() }
    let start = String(decoding: try file.read(upToCount: 22) ?? Data(), as: UTF8.self)
    return start.hasPrefix("PK") ? "PK" : start == "age-encryption.org/v1\n" ? "age" : nil
  }
}

struct PackageDirectory: PackageContents {
  let root: String

  func read(_ path: String, limit: Int) -> [UInt8]? { try? Paths.read(root + "/" + path, limit: limit) }

  func forEach(_ visit: (String, Bool, () throws -> [UInt8]) throws -> Void) throws {
    try Paths.walk(root) { path in
      let whole = root + "/" + path
      guard Paths.isRegularFile(whole), let file = FileHandle(forReadingAtPath: whole) else {
        return try visit(path, false) { [] }
      }
      defer { try? file.close() }
      try visit(path, true) { Array(try file.read(upToCount: Packages.pieceBytes) ?? Data()) }
    }
  }

  func pieces(of path: String) throws -> (() throws -> [UInt8])? {
    let whole = root + "/" + path
    guard Paths.isRegularFile(whole), let file = FileHandle(forReadingAtPath: whole) else { return nil }
    return { Array(try file.read(upToCount: Packages.pieceBytes) ?? Data()) }
  }
}

/// Small files are kept from a first pass: an archive is read from its start to its end.
struct PackageZip: PackageContents {
  private static let kept: [String: Int] = [
    Manifest.fileName: Manifest.bytesMax, Manifest.signatureName: 65_536, Manifest.keyName: 4_096,
    Custody.fileName: Custody.bytesMax, AuditProof.entryName: AuditProof.entryBytesMax,
    AuditProof.proofName: AuditProof.proofBytesMax, OverlayManifest.fileName: OverlayManifest.bytesMax,
  ]
  private let paths: [String]
  private var small: [String: [UInt8]] = [:]

  /// - Parameter paths: one file, or its parts in order.
  init(paths: [String]) throws {
    self.paths = paths
    let reader = try ZipReader(paths)
    while let entry = try reader.next() {
      guard entry.isFile, let limit = Self.kept[entry.name] else { continue }
      var bytes: [UInt8] = []
      while bytes.count <= limit {
        let piece = try reader.read(upTo: Packages.pieceBytes)
        if piece.isEmpty { break }
        bytes += piece
      }
      if bytes.count <= limit { small[entry.name] = bytes }
    }
  }

  func read(_ path: String, limit: Int) -> [UInt8]? { small[path].flatMap { $0.count <= limit ? $0 : nil } }

  func forEach(_ visit: (String, Bool, () throws -> [UInt8]) throws -> Void) throws {
    let reader = try ZipReader(paths)
    // A folder's entry holds nothing.
    while let entry = try reader.next() {
      guard !entry.name.hasSuffix("/") else { continue }
      try visit(entry.name, entry.isFile) { try reader.read(upTo: Packages.pieceBytes) }
    }
  }

  func pieces(of path: String) throws -> (() throws -> [UInt8])? {
    let reader = try ZipReader(paths)
    while let entry = try reader.next() {
      if entry.name == path, entry.isFile { return { try reader.read(upTo: Packages.pieceBytes) } }
    }
    return nil
  }
}
