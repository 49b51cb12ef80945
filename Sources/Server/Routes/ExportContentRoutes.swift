import Catalog
import Exporting
import Foundation
import Hummingbird
import Sodium

/// Packages as they are fetched: whole, or part by part.
enum ExportContentRoutes {
  static let all = [
    Route.get("/v1/exports/:id/content", ExportRoutes.roles) { call in
      try await fetch(call) { record, _ in try download(of: record) }
    },
    Route.get("/v1/exports/:id/parts", ExportRoutes.roles) { call in
      try await fetch(call) { record, _ in try list(of: record) }
    },
    Route.get("/v1/exports/:id/parts/:number", ExportRoutes.roles) { call in
      try await fetch(call) { record, call in try part(try call.parameter("number"), of: record) }
    },
  ]

  /// From any byte on; the audit log says what was given out.
  private static func fetch(
    _ call: Call, _ file: @Sendable (ExportRecord, Call) throws -> FileDownload
  ) async throws -> Response {
    let directory = try await call.directory()
    let record = try await call.services.flows.exporter(directory).show(try call.parameter("id"))
    let download = try file(record, call)
    let part = download.part(of: call.request)
    try await call.look(
      directory, "export.downloaded", object: record.id,
      details: [
        "manifest_sha256": record.manifestHash?.hex ?? "", "bytes": download.words(for: part),
        "file": download.name,
      ])
    return download.response(part)
  }

  /// The package as one file, also where it lies in parts, if it is here and there.
  static func download(of record: ExportRecord) throws -> FileDownload {
    let (path, files) = try files(of: record)
    let isEncrypted = path.hasSuffix(".age")
    return try FileDownload(
      paths: files.whole, name: record.id + (isEncrypted ? ".zip.age" : ".zip"),
      type: isEncrypted ? "application/octet-stream" : "application/zip", tag: tag(record))
  }

  /// The signed list of parts, which `export verify` takes.
  private static func list(of record: ExportRecord) throws -> FileDownload {
    let (_, files) = try files(of: record)
    guard let list = files.list else { throw uncut }
    return try FileDownload(
      paths: [list], name: name(list), type: "application/json", tag: tag(record) + "-parts")
  }

  /// Under the name that the list gives it.
  private static func part(_ number: String, of record: ExportRecord) throws -> FileDownload {
    let (_, files) = try files(of: record)
    guard files.list != nil else { throw uncut }
    guard let number = Int(number), (1...files.whole.count).contains(number) else {
      throw Problem(404, "unknown_part", "the package has parts 1 to \(files.whole.count)")
    }
    let path = files.whole[number - 1]
    return try FileDownload(
      paths: [path], name: name(path), type: "application/octet-stream", tag: tag(record) + "-\(number)")
  }

  /// When to ask again for a package that is being packed.
  private static let packingSeconds = 5

  private static let uncut = Problem(409, "not_in_parts", "the package is one file; fetch its content")

  private static func tag(_ record: ExportRecord) -> String {
    "\(record.id)-\(record.manifestHash?.hex ?? "")"
  }

  private static func name(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  private static func files(of record: ExportRecord) throws -> (path: String, files: PackageFiles) {
    if let removal = record.removal {
      throw Problem(410, "package_\(removal.reason.rawValue)", "the package was \(removal.reason.rawValue)")
    }
    guard record.state == .completed, let path = record.path else {
      throw Problem(409, "not_completed", "this export has no package to give")
    }
    guard record.insideHome else {
      throw Problem(409, "not_here", "the package was written outside of this server's home")
    }
    let isSplit = record.partBytes != nil
    let files = PackageFiles(at: path, isSplit: isSplit)
    // Parts get their names one after the other, their list the last.
    guard let first = files.whole.first, !isSplit || files.list != nil else {
      guard record.isPacking else {
        throw Problem(409, "not_here", "the package's file is not in this server's home")
      }
      var problem = Problem(409, "being_packed", "the package is made, and is being packed; ask again")
      problem.retryAfterSeconds = packingSeconds
      throw problem
    }
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: first, isDirectory: &isDirectory), !isDirectory.boolValue
    else { throw Problem(409, "not_a_file", "the package is a directory on the server, not a file") }
    return (path, files)
  }
}
