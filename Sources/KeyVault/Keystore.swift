import Sodium
import Synchronization

/// A moment at which the vault's tests end everything, as a crash would. Nothing else uses it.
enum VaultStep: String, CaseIterable, Sendable {
  case fileWritten, oldLinked, fileReplaced, oldWiped
  case epochAdded, epochRecorded, batchRewrapped, epochRetired, epochErased
}

/// The directory with the root key and a file of KEKs per shard: outside the database and its backups.
///
/// Its calls block on the disk: they belong on a connection's or a blocking thread.
final class Keystore: Sendable {
  static let markerName = "keystore"
  static let lockName = "lock"
  static let markerMagic: [UInt8] = Array("MUNKEYS\u{1}".utf8)
  /// Of a keystore whose root key was changed: older versions, which would not know ``baseName``, refuse it.
  static let basedMagic: [UInt8] = Array("MUNKEYS\u{2}".utf8)

  let directory: String
  let key: SecretBytes
  private let interrupt: @Sendable (VaultStep) throws -> Void
  private let files = Mutex<[Int16: (stamp: KeyFile.Stamp, keys: ShardKeys)]>([:])

  /// Opens and checks every file.
  init(
    directory: String, root: SecretBytes, interrupt: @escaping @Sendable (VaultStep) throws -> Void = { _ in }
  ) throws {
    self.directory = directory
    self.key = Self.fileKey(root)
    self.interrupt = interrupt
    try Self.checkMarker(directory, key)
    for shard in 0..<Int16(KeyPlace.shards) { _ = try keys(shard) }
  }

  /// Creates what is missing, in the order root key, KEKs, marker: the marker says that all was there once, so
  /// that a file missing later is a loss to report, not one to make anew.
  static func create(_ directory: String, root source: RootKeySource) throws {
    try KeyFile.createDirectory(directory)
    try KeyFile.locked("\(directory)/\(lockName)") {
      let isComplete = try KeyFile.stamp("\(directory)/\(markerName)") != nil
      let shards = 0..<Int16(KeyPlace.shards)
      if source == .file, try KeyFile.stamp("\(directory)/\(RootKey.fileName)") == nil {
        let filed = try shards.contains { try KeyFile.stamp("\(directory)/\(ShardKeys.name($0))") != nil }
        guard !isComplete, !filed else {
          throw KeyVaultError(
            .missing,
            "\(directory)/\(RootKey.fileName) is missing, and only it opens this keystore; restore it")
        }
        var text = RootKey.make()
        defer { SecretBytes.zero(&text) }
        try publish(text, as: RootKey.fileName, in: directory)
      }
      let root = try RootKey.load(source, directory: directory)
      let key = fileKey(root)
      // The key may be one that a change of it waits for.
      if isComplete { return try isStaged(directory) ? () : checkMarker(directory, key) }
      for shard in shards where try KeyFile.stamp("\(directory)/\(ShardKeys.name(shard))") == nil {
        try publish(ShardKeys(newFor: shard).sealed(under: key), as: ShardKeys.name(shard), in: directory)
      }
      try publish(marker(key), as: markerName, in: directory)
    }
  }

  /// The KEKs of `shard` as they are on disk now: another process may have replaced the file.
  func keys(_ shard: Int16) throws -> ShardKeys {
    let path = path(shard)
    let stamp = try KeyFile.stamp(path)
    if let known = files.withLock({ $0[shard] }), known.stamp == stamp { return known.keys }
    let (bytes, read) = try KeyFile.read(path)
    do {
      let keys = try ShardKeys(sealed: bytes, shard: shard, under: key)
      files.withLock { $0[shard] = (read, keys) }
      return keys
    } catch {
      throw KeyVaultError(
        .notAuthentic, "\(path) is damaged or was not sealed under this root key; restore it from its backup")
    }
  }

  /// Changes a shard's file under the keystore's lock. `body` gets the keys as they are then and says whether it
  /// changed them; the file is replaced at once and for good, or not at all.
  func change(_ shard: Int16, _ body: (inout ShardKeys) throws -> Bool) throws {
    try KeyFile.locked("\(directory)/\(Self.lockName)") {
      // Not under a root key that was changed since this keystore was opened.
      try Self.checkMarker(directory, self.key)
      var keys = try keys(shard)
      try wipeOld(shard)
      guard try body(&keys) else { return }
      if try Self.isStaged(directory) { try unstage() }
      let path = path(shard)
      try KeyFile.write(keys.sealed(under: key), to: path + ".new")
      try interrupt(.fileWritten)
      try KeyFile.link(path, as: path + ".old")
      try interrupt(.oldLinked)
      try KeyFile.rename(path + ".new", path)
      try KeyFile.flush(directory: directory)
      try interrupt(.fileReplaced)
      // Only now is it certain that the old content is not needed any more.
      try wipeOld(shard)
      try interrupt(.oldWiped)
      files.withLock { $0[shard] = nil }
    }
  }

  func interrupt(at step: VaultStep) throws { try interrupt(step) }

  /// Overwrites what the last change replaced; a crash may have left it. If the crash came before the
  /// replacement, both names are the same file, which must stay.
  private func wipeOld(_ shard: Int16) throws {
    let path = path(shard)
    guard let old = try KeyFile.stamp(path + ".old") else { return }
    if try KeyFile.stamp(path)?.inode == old.inode {
      try KeyFile.unlink(file: path + ".old")
    } else {
      try KeyFile.wipe(path + ".old")
    }
    try KeyFile.flush(directory: directory)
  }

  private func path(_ shard: Int16) -> String { "\(directory)/\(ShardKeys.name(shard))" }

  private static func publish(_ bytes: [UInt8], as name: String, in directory: String) throws {
    let path = "\(directory)/\(name)"
    try KeyFile.write(bytes, to: path + ".new")
    try KeyFile.rename(path + ".new", path)
    try KeyFile.flush(directory: directory)
  }

  static func checkMarker(_ directory: String, _ key: SecretBytes) throws {
    let path = "\(directory)/\(markerName)"
    guard try KeyFile.stamp(path) != nil else {
      throw KeyVaultError(.missing, "there is no complete keystore in \(directory); run `muniment init`")
    }
    guard try opens(path, key) else {
      throw KeyVaultError(
        .notAuthentic,
        "the root key is not the one \(path) was made with; restore \(directory)/\(RootKey.fileName), correct the "
          + "command that prints it, or restart a process that was running while it was changed")
    }
  }

  static func marker(_ key: SecretBytes, _ magic: [UInt8] = markerMagic) -> [UInt8] {
    magic + AEAD.seal([UInt8(KeyPlace.shards)], key: key, additional: magic)
  }

  /// Whether a marker was sealed under `key`; why not is nobody's to know, as the next step is the same.
  static func opens(_ path: String, _ key: SecretBytes) throws -> Bool {
    let (bytes, _) = try KeyFile.read(path)
    guard let magic = [markerMagic, basedMagic].first(where: { bytes.starts(with: $0) }) else {
      throw KeyVaultError(.malformed, "\(path) is not of a keystore this version knows; use a newer muniment")
    }
    guard let plaintext = try? AEAD.open(Array(bytes[magic.count...]), key: key, additional: magic) else {
      return false
    }
    guard plaintext == [UInt8(KeyPlace.shards)] else {
      throw KeyVaultError(.malformed, "\(path) states another number of shards; use a newer muniment")
    }
    return true
  }

  static func fileKey(_ root: SecretBytes) -> SecretBytes {
    BLAKE2b.derive([root], context: Array("muniment/keystore/v1".utf8))
  }
}
