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
  /// Of the run that writes it.
  let pulse = ExportPulse()
  let notes: DraftNotes
  /// Files that are whole.
  let log: FileLog
  private var lock: DirectoryLock?
  private var made: Set<String> = []
  /// Directories with entries that are not synced.
  private var touched: Set<String> = []
  private var open: [String: PackageFile] = [:]
  /// Files an interrupted run had open.
  private var left: [String: PackageFile.Extent] = [:]

  /// Where the draft of an export lies: a hidden neighbour of the destination, so that the last step is a rename.
  static func temporary(for destination: String, export: Int64) -> String {
    let cut = destination.lastIndex(of: "/").map { destination.index(after: $0) } ?? destination.startIndex
    return destination[..<cut] + ".\(ExportID.text(export)).partial"
  }

  /// - Parameter temporary: where to write; `nil`: beside the destination.
  init(destination: String, temporary: String? = nil, export: Int64) throws {
    self.destination = destination
    self.temporary = temporary ?? Self.temporary(for: destination, export: export)
    notes = DraftNotes(draft: self.temporary)
    log = FileLog(notes)
    guard !Paths.exists(destination) else {
      throw ExportError(.pathExists, "\(destination) exists already; choose a path where nothing is")
    }
    for path in [destination, self.temporary] { try Paths.makeDirectory(Paths.parent(of: path)) }
    guard mkdir(self.temporary, 0o700) == 0 else { throw ExportError.system("create", self.temporary) }
    lock = try DirectoryLock(self.temporary, tries: 100)
    try notes.make()
  }

  /// Takes over what an interrupted run left; whatever it wrote after its last checkpoint goes, all of it if there is
  /// none. Blocks.
  /// - Throws: ``ExportError`` `.draftDamaged` if what the checkpoint counts on is not there.
  init(resuming temporary: String, for destination: String, from checkpoint: ExportCheckpoint?) throws {
    self.destination = destination
    self.temporary = temporary
    notes = DraftNotes(draft: temporary)
    log = FileLog(notes)
    guard !Paths.exists(destination) else {
      throw ExportError(.pathExists, "\(destination) exists already; the export cannot be put there")
    }
    lock = try DirectoryLock(temporary, tries: 100)
    if let checkpoint {
      left = Dictionary(checkpoint.open.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
      warnings.saved = checkpoint.warnings
    }
    do {
      if let checkpoint { try log.recall(checkpoint.listed) }
      try removeStrays(keeping: left)
    } catch let error as ExportError where [.destination, .notAPackage].contains(error.code) {
      throw ExportError(.draftDamaged, error.description)
    }
  }

  /// A new file; what is above it is made too. One an interrupted run had open is gone on with.
  func file(_ name: String) throws -> PackageFile {
    let file: PackageFile
    // Not held by its files: the lock goes with the last who uses the draft.
    let close: (Manifest.File) async throws -> Void = { [weak self] in try await self?.close($0) }
    if let extent = left.removeValue(forKey: name) {
      file = try PackageFile(extent, in: temporary, closed: close)
    } else {
      let folder = name.lastIndex(of: "/").map { String(name[..<$0]) } ?? ""
      if !folder.isEmpty, made.insert(folder).inserted {
        try Paths.makeDirectory(temporary + "/" + folder)
        touch(folder)
      }
      touched.insert(folder)
      // Of what only helps in the making, a later run than the checkpoint may have left one of that name.
      if name.hasPrefix(DraftNotes.folder + "/") { try Paths.remove(temporary + "/" + name) }
      file = try PackageFile(name: name, in: temporary, closed: close)
    }
    open[name] = file
    return file
  }

  private func close(_ file: Manifest.File) async throws {
    open[file.path] = nil
    // What only helps in the making is no part of the package.
    guard !file.path.hasPrefix(DraftNotes.folder + "/") else { return }
    try await log.add(file)
  }

  /// Everything above a new directory has a new entry.
  private func touch(_ folder: String) {
    var folder = folder
    while folder != "." {
      folder = Paths.parent(of: folder)
      touched.insert(folder == "." ? "" : folder)
    }
  }

  /// As of the last checkpoint.
  private(set) var writtenBytes: Int64 = 0

  /// Writes down how far everything is; afterwards another process can go on from here.
  func checkpoint(_ checkpoint: ExportCheckpoint) async throws {
    var checkpoint = checkpoint
    checkpoint.open = []
    for name in open.keys.sorted() {
      if let file = open[name] { checkpoint.open.append(try await file.settle()) }
    }
    try await syncTouched()
    writtenBytes = log.bytes + checkpoint.open.reduce(0) { $0 + Int64($1.bytes) }
    checkpoint.warnings = warnings.saved
    checkpoint.listed = try await log.settle()
    let (notes, complete) = (notes, checkpoint)
    try await runBlocking { try notes.keep(complete) }
  }

  private func syncTouched() async throws {
    let (temporary, folders) = (temporary, touched.sorted(by: >))
    try await runBlocking {
      for folder in folders { try Paths.syncDirectory(folder.isEmpty ? temporary : temporary + "/" + folder) }
    }
    touched.removeAll(keepingCapacity: true)
  }

  /// Writes a small file as a whole. It appears among the package's files only if it is `listed`.
  func write(_ bytes: [UInt8], to name: String, listed: Bool) async throws {
    let path = temporary + "/" + name
    try await runBlocking { try Paths.replace(path, with: bytes) }
    if listed {
      let lines = bytes.count { $0 == 0x0A }
      try await log.add(
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
    try DraftNotes(draft: temporary).remove()
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

  /// Throws ``ExportError`` if another process holds it. Blocks a little for each further try.
  init(_ path: String, tries: Int = 1) throws(ExportError) {
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("open", path) }
    // Whoever lists exports looks at locks for a moment, which must not end a run that begins just then.
    var left = tries
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      left -= 1
      guard left <= 0 else {
        usleep(10_000)
        continue
      }
      // `deinit` closes it, as everything is stored: closed here as well, the number might be somebody else's by then.
      throw .system("lock", path)
    }
  }

  deinit { close(descriptor) }
}
