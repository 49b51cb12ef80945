import Glibc
import Sodium

/// Where the root key comes from.
package enum RootKeySource: Hashable, Sendable {
  /// `root.key` in the keystore's directory: 64 hexadecimal digits, readable by the owner only.
  case file
  /// A program and its arguments that prints the key in this form, such as one that asks a KMS to unwrap it.
  case command([String])
}

enum RootKey {
  static let fileName = "root.key"
  private static let outputMax = 4_096

  static func load(_ source: RootKeySource, directory: String) throws(KeyVaultError) -> SecretBytes {
    switch source {
    case .file:
      let path = "\(directory)/\(fileName)"
      var (bytes, _) = try KeyFile.read(path)
      defer { SecretBytes.zero(&bytes) }
      return try parse(bytes, of: path)
    case .command(let words):
      var bytes = try output(of: words)
      defer { SecretBytes.zero(&bytes) }
      return try parse(bytes, of: "the output of \(words.first ?? "")")
    }
  }

  /// A new key in the form of the file; the caller zeroes it.
  static func make() -> [UInt8] {
    var bytes = Randomness.bytes(AEAD.keySize)
    defer { SecretBytes.zero(&bytes) }
    var text = [UInt8]()
    text.reserveCapacity(2 * bytes.count + 1)
    for byte in bytes { text += [digit(byte >> 4), digit(byte & 15)] }
    return text + [0x0A]
  }

  private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x61 + value - 10 }

  /// Straight into guarded memory: no `String` ever holds the key.
  static func parse(_ text: [UInt8], of place: String) throws(KeyVaultError) -> SecretBytes {
    let end = (text.lastIndex { !($0 == 0x20 || (0x09...0x0D).contains($0)) } ?? -1) + 1
    let digits = text[..<end].compactMap { (byte: UInt8) -> UInt8? in
      switch byte {
      case 0x30...0x39: byte - 0x30
      case 0x41...0x46: byte - 0x41 + 10
      case 0x61...0x66: byte - 0x61 + 10
      default: nil
      }
    }
    guard digits.count == end, end == 2 * AEAD.keySize else {
      throw KeyVaultError(
        .malformed,
        "\(place) is not a root key of \(2 * AEAD.keySize) hexadecimal digits; restore it from its backup")
    }
    return SecretBytes(count: AEAD.keySize, guarded: true) { key in
      for index in key.indices { key[index] = digits[2 * index] << 4 | digits[2 * index + 1] }
    }
  }

  private static func output(of words: [String]) throws(KeyVaultError) -> [UInt8] {
    guard let program = words.first else { throw KeyVaultError(.command, "the root key's command is empty") }
    var pipe: [CInt] = [-1, -1]
    guard Glibc.pipe(&pipe) == 0 else { throw KeyVaultError(.system, "no pipe for \(program)") }
    // Not for any other child that is started meanwhile.
    for end in pipe { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let process = spawn(words, output: pipe[1])
    close(pipe[1])
    guard let process else {
      close(pipe[0])
      throw KeyVaultError(.command, "cannot run the root key's command \(program); check its path")
    }
    let bytes = drain(pipe[0])
    // Before the wait: a program with more to say must find out that nobody listens.
    close(pipe[0])
    var status: CInt = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else {
      throw KeyVaultError(.command, "the root key's command \(program) failed; run it by hand to see why")
    }
    return bytes
  }

  /// The process id, or nil if it could not be started. Its standard error is ours.
  private static func spawn(_ words: [String], output: CInt) -> pid_t? {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    // A server ignores SIGPIPE, and a child would inherit that.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process: pid_t = 0
    return posix_spawnp(&process, words[0], &actions, &attributes, &arguments, environ) == 0 ? process : nil
  }

  /// At most ``outputMax`` bytes; the rest, which no key has, is refused by the parser.
  private static func drain(_ file: CInt) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: outputMax)
    var filled = 0
    while filled < bytes.count {
      let offset = filled
      let count = bytes.withUnsafeMutableBytes { (buffer: UnsafeMutableRawBufferPointer) in
        read(file, buffer.baseAddress! + offset, buffer.count - offset)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      filled += count
    }
    bytes.removeLast(bytes.count - filled)
    return bytes
  }
}
