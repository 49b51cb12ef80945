import AuditLog
import Blocking
import Glibc
import Sodium

/// A package while it is made: a directory beside its destination, under a name of its own, locked by the process
/// that writes it. It gets its name last, in one step.
final class PackageDraft {
  let destination: String
  let temporary: String
  let warnings = PackageWarnings()
  private(set) var files: [Manifest.File] = []
  private var lock: DirectoryLock?
  private var made: Set<String> = []

  /// Where the draft of an export lies: a hidden neighbour of the destination, so that the last step is a rename.
  static func temporary(for destination: String, export: Int64) -> String {
    let cut = destination.lastIndex(of: "/").map { destination.index(after: $0) } ?? destination.startIndex
    return destination[..<cut] + ".\(ExportID.text(export)).partial"
  }

  /// - Parameter temporary: where to write; `nil`: beside the destination.
  init(destination: String, temporary: String? = nil, export: Int64) throws {
    self.destination = destination
    self.temporary = temporary ?? Self.temporary(for: destination, export: export)
    guard !Paths.exists(destination) else {
      throw ExportError(.pathExists, "\(destination) exists already; choose a path where nothing is")
    }
    for path in [destination, self.temporary] { try Paths.makeDirectory(Paths.parent(of: path)) }
    guard mkdir(self.temporary, 0o700) == 0 else { throw ExportError.system("create", self.temporary) }
    lock = try DirectoryLock(self.temporary)
  }

  /// A new file; what is above it is made too.
  func file(_ name: String) throws -> PackageFile {
    if let slash = name.lastIndex(of: "/"), made.insert(String(name[..<slash])).inserted {
      try Paths.makeDirectory(temporary + "/" + name[..<slash])
    }
    return try PackageFile(name: name, in: temporary) { [weak self] in self?.files.append($0) }
  }

  /// Writes a small file as a whole. It appears among ``files`` only if it is `listed`.
  func write(_ bytes: [UInt8], to name: String, listed: Bool) async throws {
    let path = temporary + "/" + name
    try await runBlocking { try Paths.replace(path, with: bytes) }
    if listed {
      let lines = bytes.count { $0 == 0x0A }
      files.append(
        Manifest.File(
          path: name, bytes: bytes.count, sha256: SHA256.hash(bytes).hex, messages: 0, lines: lines))
    }
  }

  /// Everything written so far is on the disk when this returns.
  func sync() async throws {
    let (temporary, made) = (temporary, made)
    try await runBlocking {
      // Files are synced as they are closed; what is left are the directories' entries.
      for folder in Set(made.map { Paths.parent(of: $0) }).union(made).sorted(by: >) where folder != "." {
        try Paths.syncDirectory(temporary + "/" + folder)
      }
      try Paths.syncDirectory(temporary)
    }
  }

  /// Adds the manifest, its signature and the public key; afterwards everything is on the disk.
  /// - Returns: SHA-256 of the manifest.
  func seal(_ manifest: Manifest, by signer: SigningKey) async throws -> [UInt8] {
    let bytes = try manifest.bytes
    let hash = SHA256.hash(bytes)
    let statement = Manifest.statement(export: manifest.exportID, hash: hash)
    let note = SignedNote.sign(statement, name: Manifest.signer, with: signer)
    let key = Manifest.key(of: signer)?.verifierKey ?? ""
    try await write(bytes, to: Manifest.fileName, listed: false)
    try await write(Array(note.utf8), to: Manifest.signatureName, listed: false)
    try await write(Array("\(key)\n".utf8), to: Manifest.keyName, listed: false)
    try await sync()
    return hash
  }

  /// The last step: custody, then the name. Blocks; repeats without harm.
  static func deliver(_ temporary: String, custody: [UInt8], to destination: String) throws {
    try finish(temporary, custody: custody)
    try Paths.move(temporary, to: destination)
  }

  /// As ``deliver(_:custody:to:)``, as one file.
  static func deliver(custody: [UInt8], _ packing: PackagePacking) throws {
    if Paths.exists(packing.draft) { try finish(packing.draft, custody: custody) }
    try packing.run()
  }

  private static func finish(_ temporary: String, custody: [UInt8]) throws {
    try Paths.replace(temporary + "/" + Custody.fileName, with: custody)
    try Paths.syncDirectory(temporary)
  }

  /// Removes what was written.
  func abandon() async {
    let temporary = temporary
    try? await runBlocking { try Paths.remove(temporary) }
    lock = nil
  }
}

/// Shows others that a process is at work in a directory; the system lets go of it when the process ends.
final class DirectoryLock {
  private let descriptor: Int32

  /// Throws ``ExportError`` if another process holds it.
  init(_ path: String) throws(ExportError) {
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("open", path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let error = ExportError.system("lock", path)
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }
}
