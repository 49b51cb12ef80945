extension PackageDraft {
  /// Of every file that was whole its size is looked at; what is neither that nor open goes.
  func removeStrays(keeping left: [String: PackageFile.Extent]) throws {
    for (name, extent) in left where try Paths.size(temporary + "/" + name) < Int64(extent.bytes) {
      throw ExportError(.draftDamaged, "\(name) is shorter than an interrupted export left it")
    }
    let list = try log.sorted()
    defer { try? notes.removeSorted() }
    var lines = try list.map { try FileLines(path: $0.path, bytes: $0.bytes) }
    var known = try lines?.nextFile()
    try Paths.walk(temporary) { path in
      if path.hasPrefix(DraftNotes.folder + "/") { return }
      if let file = known, file.path == path {
        guard try Paths.size(temporary + "/" + path) == Int64(file.bytes) else {
          throw ExportError(.draftDamaged, "\(path) is not as an interrupted export left it")
        }
        known = try lines?.nextFile()
      } else if let file = known, Paths.precedes(file.path, path) {
        throw ExportError(.draftDamaged, "\(file.path) is not there, as an interrupted export left it")
      } else if left[path] == nil {
        try Paths.remove(temporary + "/" + path)
      }
    }
    if let file = known {
      throw ExportError(.draftDamaged, "\(file.path) is not there, as an interrupted export left it")
    }
  }
}
