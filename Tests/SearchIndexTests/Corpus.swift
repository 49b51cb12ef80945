import Glibc
import Model
import SearchIndex

/// A directory that goes with its owner.
final class Scratch: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/muniment-index-XXXXXX".utf8CString)
    path = String(cString: mkdtemp(&template))
  }

  deinit { Scratch.remove(path) }

  static func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { (bytes: UnsafeRawBufferPointer) in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  static func remove(_ path: String) {
    if unlink(path) == 0 { return }
    for name in names(in: path) { remove("\(path)/\(name)") }
    rmdir(path)
  }

  /// Generations of a group that its list does not name.
  static func generations(_ group: String) -> Set<String> {
    let listed = String(decoding: read(group + "/CURRENT"), as: UTF8.self).split(separator: "\n").map(
      String.init)
    return Set(names(in: group).filter { $0.hasPrefix("generation") }).subtracting(listed)
  }

  static func read(_ path: String) -> [UInt8] {
    let file = open(path, O_RDONLY)
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count <= 0 { return bytes }
      bytes += chunk[..<count]
    }
  }

  static func write(_ bytes: [UInt8], to path: String) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    defer { close(file) }
    _ = Glibc.write(file, bytes, bytes.count)
  }
}

/// Deterministic random numbers (splitmix64): a failure is replayed with MUNIMENT_SEED.
struct Random: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  static func printed(_ name: String) -> Random {
    let given = getenv("MUNIMENT_SEED").flatMap { UInt64(String(cString: $0)) }
    let seed = given ?? UInt64.random(in: 0...UInt64(UInt32.max))
    print("\(name): MUNIMENT_SEED=\(seed)")
    return Random(seed: seed)
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
  mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
  mutating func pick<Element>(_ from: [Element]) -> Element { from[below(from.count)] }
}

/// What documents are made of in these tests: few values of everything, so that all of it collides.
enum Sample {
  static let tenant = TenantID(rawValue: 7)
  static let words = ["ab", "abc", "abd", "b", "ba", "bab", "c", "ca", "d", "déjà", "e"].map {
    Array($0.utf8)
  }
  static let flags = ["link", "file"]
  static let conversations = (1...6).map { ConversationID(rawValue: Int64($0) &* 0x1234_5678_9ABC_DEF1) }
  static let senders = (1...4).map { SubjectID(rawValue: Int64($0) &* 0x0FED_CBA9_8765_4321) }

  static func word(_ word: String) -> [UInt8] { IndexTerms.word(Array(word.utf8), tenant: tenant) }
  static func word(_ word: [UInt8]) -> [UInt8] { IndexTerms.word(word, tenant: tenant) }
  static func time(_ seconds: Int) -> Timestamp { Timestamp(seconds: 1_700_000_000 + Int64(seconds)) }

  static func document(_ sequence: Int64, _ random: inout Random, seconds: Int) -> IndexDocument {
    let text = (0..<random.below(8)).map { _ in word(random.pick(words)) }
    var terms = (0..<random.below(3)).map { _ in word(random.pick(words)) }
    terms.append(IndexTerms.tenant(tenant))
    terms += flags.filter { _ in random.chance(30) }.map(IndexTerms.flag)
    return IndexDocument(
      sequence: sequence, conversation: random.pick(conversations), sender: random.pick(senders),
      createdAt: time(seconds), terms: terms, positioned: text)
  }

  /// A plain message for tests that need no chance.
  static func message(
    _ sequence: Int64, _ text: String, conversation: Int = 0, sender: Int = 0, seconds: Int? = nil
  ) -> IndexDocument {
    IndexDocument(
      sequence: sequence, conversation: conversations[conversation], sender: senders[sender],
      createdAt: time(seconds ?? Int(sequence)), terms: [IndexTerms.tenant(tenant)],
      positioned: text.split(separator: " ").map { word(String($0)) })
  }

  static let everyone = ReadScope.everything(term: IndexTerms.tenant(tenant))

  static func query(_ tree: TermTree, scope: ReadScope = everyone, limit: Int = 50) -> IndexQuery {
    IndexQuery(clauses: [IndexClause(tree: tree)], scope: scope, limit: limit, deadlineMilliseconds: 60_000)
  }
}

extension IndexPage {
  var sequences: [Int64] { hits.map(\.position.sequence) }
}
