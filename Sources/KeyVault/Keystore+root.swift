import Blocking
import Sodium

/// A moment of a change of the root key at which tests end everything, as a crash would.
enum RootStep: String, CaseIterable, Sendable {
  case fileStaged, allStaged, keyWritten, keyReplaced, fileAdopted, markerAdopted
}

/// Changing the root key. The files are sealed anew beside the old ones, `NAME.next`, the marker last; then the key is
/// changed where it comes from; whoever opens the keystore with the new key renames the new files over the old.
///
/// So the change happens in the one moment at which the source gives the new key. Before it the old files are whole and
/// used, after it the new ones are, whatever step is the last before a crash.
extension Keystore {
  /// What is derived for good: names' hashes, signatures, the audit log. The first root key, sealed under the present
  /// one; absent while the present one is the first.
  static let baseName = "base.key"
  static let baseMagic: [UInt8] = Array("MUNBASE\u{1}".utf8)
  private static let stagedSuffix = ".next"

  private static var names: [String] { (0..<Int16(KeyPlace.shards)).map(ShardKeys.name) + [baseName] }

  static func base(_ directory: String, root: SecretBytes) throws -> SecretBytes {
    let path = "\(directory)/\(baseName)"
    let (marker, _) = try KeyFile.read("\(directory)/\(markerName)")
    guard marker.starts(with: basedMagic) else { return root }
    let (bytes, _) = try KeyFile.read(path)
    do {
      guard bytes.starts(with: baseMagic) else { throw CryptographyError.notAuthentic }
      var secret = try AEAD.open(
        Array(bytes[baseMagic.count...]), key: fileKey(root), additional: baseMagic)
      defer { SecretBytes.zero(&secret) }
      return SecretBytes(secret, guarded: true)
    } catch is CryptographyError {
      throw KeyVaultError(
        .notAuthentic, "\(path) is damaged or was not sealed under this root key; restore it from its backup")
    }
  }

  /// Seals everything under a new root key beside what is there, and with `publishing` puts the key in the place of the
  /// one in the file.
  func stage(
    root old: SecretBytes, to new: SecretBytes, publishing: [UInt8]?,
    interrupt: (RootStep) throws -> Void = { _ in }
  ) throws {
    try KeyFile.locked("\(directory)/\(Self.lockName)") {
      try Self.checkMarker(directory, key)
      try unstage()
      let next = Self.fileKey(new)
      for shard in 0..<Int16(KeyPlace.shards) {
        try writeStaged(try keys(shard).sealed(under: next), ShardKeys.name(shard))
        try interrupt(.fileStaged)
      }
      var base = try Self.base(directory, root: old).copiedBytes
      defer { SecretBytes.zero(&base) }
      try writeStaged(
        Self.baseMagic + AEAD.seal(base, key: next, additional: Self.baseMagic), Self.baseName)
      // The marker last: with it, all of them are there.
      try KeyFile.flush(directory: directory)
      try writeStaged(Self.marker(next, Self.basedMagic), Self.markerName)
      try KeyFile.flush(directory: directory)
      try interrupt(.allStaged)
      guard let publishing else { return }
      let path = "\(directory)/\(RootKey.fileName)"
      try KeyFile.write(publishing, to: path + Self.stagedSuffix)
      try interrupt(.keyWritten)
      try Self.replace(path, in: directory)
      try interrupt(.keyReplaced)
    }
  }

  /// Whether a change of the root key is sealed and waits for its source to give the new one.
  static func isStaged(_ directory: String) throws -> Bool {
    try KeyFile.stamp("\(directory)/\(markerName)\(stagedSuffix)") != nil
  }

  /// Gives up a change that waits: its files are not those that are about to be.
  func unstage() throws {
    // The marker first: without it the others are nothing.
    try KeyFile.unlink(file: "\(directory)/\(Self.markerName)\(Self.stagedSuffix)")
    try KeyFile.flush(directory: directory)
    for name in Self.names + [RootKey.fileName] {
      try KeyFile.unlink(file: "\(directory)/\(name)\(Self.stagedSuffix)")
    }
  }

  /// Ends a change whose key the source gives by now. Does nothing if there is none, or not of this key.
  static func adopt(
    _ directory: String, root: SecretBytes, interrupt: (RootStep) throws -> Void = { _ in }
  ) throws {
    guard try isStaged(directory) else { return }
    let key = fileKey(root)
    try KeyFile.locked("\(directory)/\(lockName)") {
      let staged = "\(directory)/\(markerName)\(stagedSuffix)"
      guard try KeyFile.stamp(staged) != nil, try opens(staged, key) else { return }
      for name in names where try KeyFile.stamp("\(directory)/\(name)\(stagedSuffix)") != nil {
        try replace("\(directory)/\(name)", in: directory)
        try interrupt(.fileAdopted)
      }
      for name in names + [RootKey.fileName] { try wipeReplaced("\(directory)/\(name)") }
      try replace("\(directory)/\(markerName)", in: directory)
      try interrupt(.markerAdopted)
      try wipeReplaced("\(directory)/\(markerName)")
      try KeyFile.flush(directory: directory)
    }
  }

  private func writeStaged(_ bytes: [UInt8], _ name: String) throws {
    try KeyFile.write(bytes, to: "\(directory)/\(name)\(Self.stagedSuffix)")
  }

  /// Puts the staged file in its place; the old one stays under a second name until it is wiped.
  private static func replace(_ path: String, in directory: String) throws {
    try wipeReplaced(path)
    if try KeyFile.stamp(path) != nil { try KeyFile.link(path, as: path + ".old") }
    try KeyFile.rename(path + stagedSuffix, path)
    try KeyFile.flush(directory: directory)
  }

  /// Both names are the same file if a crash came before the replacement: that one must stay.
  private static func wipeReplaced(_ path: String) throws {
    guard let old = try KeyFile.stamp(path + ".old") else { return }
    if try KeyFile.stamp(path)?.inode == old.inode {
      try KeyFile.unlink(file: path + ".old")
    } else {
      try KeyFile.wipe(path + ".old")
    }
  }
}

extension KeyVault {
  /// How a change of the root key ended.
  package enum RootChange: Sendable {
    /// The file has the new key.
    case done
    /// Everything is sealed under the new key too; the change happens once `root_key.command` gives it.
    case waiting
  }

  /// Changes the root key: to a new one in the file, or to the one that `command` prints. Data keys and what they seal
  /// stay as they are. No other process may have the keystore open. Blocks on the disk.
  package static func changeRoot(
    directory: String, from source: RootKeySource, to command: [String]? = nil
  ) throws -> RootChange {
    try changeRoot(directory: directory, from: source, to: command) {
      FaultPoint.reach("root.\($0.rawValue)")
    }
  }

  static func changeRoot(
    directory: String, from source: RootKeySource, to command: [String]? = nil,
    interrupt: (RootStep) throws -> Void
  ) throws -> RootChange {
    let old = try RootKey.load(source, directory: directory)
    try Keystore.adopt(directory, root: old)
    let keystore = try Keystore(directory: directory, root: old)
    if let command {
      let new = try RootKey.load(.command(command), directory: directory)
      guard !SecretBytes.equal(new, old) else {
        throw KeyVaultError(.command, "the new command prints the present root key; have it print a new one")
      }
      try keystore.stage(root: old, to: new, publishing: nil, interrupt: interrupt)
      return .waiting
    }
    guard source == .file else {
      throw KeyVaultError(
        .command, "the root key comes from root_key.command; name a command that prints the new one")
    }
    var text = RootKey.make()
    defer { SecretBytes.zero(&text) }
    let new = try RootKey.parse(text, of: "the new root key")
    try keystore.stage(root: old, to: new, publishing: text, interrupt: interrupt)
    try Keystore.adopt(directory, root: new, interrupt: interrupt)
    return .done
  }
}

extension SecretBytes {
  fileprivate static func equal(_ left: SecretBytes, _ right: SecretBytes) -> Bool {
    var (first, second) = (left.copiedBytes, right.copiedBytes)
    defer {
      SecretBytes.zero(&first)
      SecretBytes.zero(&second)
    }
    return SecretBytes.equal(first, second)
  }
}
