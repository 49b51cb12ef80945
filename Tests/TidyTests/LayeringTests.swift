import Testing

/// The picture of the house: who may import whom. A target that is not in it fails, so that a new one is placed first.
enum Layers {
  static let c: Set = [
    "CPostgres", "CZstd", "CSodium", "CZlib", "CArchive", "CCurl", "CUtf8proc", "CXapian", "CSimdJSON",
  ]
  static let bindings: Set = [
    "Blocking", "Postgres", "Zstd", "Sodium", "Zlib", "Archive", "Curl", "Utf8proc", "Xapian", "SimdJSON",
  ]
  static let domain: Set = ["Model", "Governance", "SegmentFormat", "SearchTokens"]
  static let stores: Set = ["Catalog", "KeyVault", "AuditLog", "JobQueue", "SearchIndex", "Segments"]
  /// Reads through several stores, for flows; below them.
  static let reading: Set = ["History"]
  static let flows: Set = ["Ingestion", "Search", "Tiering", "Retention", "Erasure", "Exporting"]
  static let top: Set = ["Server", "Runtime", "muniment"]

  static let all = c.union(bindings).union(domain).union(stores).union(reading).union(flows).union(top)

  /// What a target may import of our own.
  static func below(_ target: String) -> Set<String>? {
    let pure = bindings.union(domain)
    return switch target {
    case _ where c.contains(target): []
    case _ where bindings.contains(target): ["C" + target, "Blocking"]
    case "Model": ["SearchTokens"]
    case _ where domain.contains(target): domain.union(["Zstd", "Sodium", "Utf8proc"])
    case _ where stores.contains(target): pure
    case _ where reading.contains(target): pure.union(stores)
    case _ where flows.contains(target): pure.union(stores).union(reading)
    case "Server": pure.union(stores).union(reading).union(flows)
    case "Runtime": pure.union(stores).union(reading).union(flows).union(["Server"])
    case "muniment": all.subtracting(c)
    default: nil
    }
  }

  /// Modules of others that only some targets may import; a name ending in `*` is a prefix.
  static let guests: [(module: String, hosts: Set<String>)] = [
    ("Hummingbird*", ["Server", "Runtime"]), ("NIO*", ["Server", "Runtime"]),
    ("ServiceLifecycle", ["Server", "Runtime"]), ("X509", ["Server"]), ("SwiftASN1", ["Server"]),
    ("Yams", ["Runtime"]), ("ArgumentParser", ["muniment"]), ("Logging", ["Server", "Runtime", "muniment"]),
  ]

  /// No input or output, no clock: nothing of the operating system's.
  static let systemModules: Set = [
    "Foundation", "FoundationEssentials", "Glibc", "Dispatch", "Synchronization",
  ]
}

@Suite("Layering")
struct LayeringTests {
  private func sources() throws -> [Repository.File] { try Repository.sources.get() }

  @Test("every folder of Sources has its place in the picture")
  func everyTargetIsPlaced() throws {
    #expect(Set(try Repository.names(in: "Sources")) == Layers.all)
  }

  @Test("imports go down the layers only, and flows never import each other")
  func importsGoDown() throws {
    for file in try sources() {
      guard let allowed = Layers.below(file.target) else { continue }
      for name in file.imports where Layers.all.contains(name) {
        #expect(allowed.contains(name), "\(file) imports \(name)")
      }
    }
  }

  @Test("a C module is imported by its binding alone")
  func cIsBound() throws {
    for file in try sources() {
      for name in file.imports where Layers.c.contains(name) {
        #expect("C" + file.target == name, "\(file) imports \(name)")
      }
    }
  }

  @Test("the domain imports nothing of the operating system's")
  func theDomainIsPure() throws {
    for file in try sources() where Layers.domain.contains(file.target) {
      #expect(Layers.systemModules.isDisjoint(with: file.imports), "\(file)")
    }
  }

  @Test("the HTTP framework and other guests stay where they were let in")
  func guestsStay() throws {
    for file in try sources() {
      for guest in Layers.guests where !guest.hosts.contains(file.target) {
        let isPrefix = guest.module.hasSuffix("*")
        for name in file.imports {
          let isGuest = isPrefix ? name.hasPrefix(guest.module.dropLast()) : name == guest.module
          #expect(!isGuest, "\(file) imports \(name)")
        }
      }
    }
  }

  /// Catalog and the stores with tables of their own. Of the others: the server keeps the keys of repeated requests,
  /// the embedded database is made by a statement, and benchmarks measure beside the product's own SQL.
  private static let speakSQL = Layers.c.union([
    "Catalog", "KeyVault", "AuditLog", "JobQueue", "Postgres", "Server", "Runtime", "muniment",
  ])

  private static let statements = [
    "SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "COPY ", "WITH ", "CREATE ", "ALTER ", "DROP ",
    "TRUNCATE ",
  ]

  @Test("SQL is in the stores that own the tables, not in flows")
  func sqlIsInStores() throws {
    for file in try sources() where !Self.speakSQL.contains(file.target) {
      for statement in Self.statements {
        let quoted = file.places(of: "\"" + statement)
        #expect(quoted.isEmpty, "\(file):\(quoted) has SQL")
        // In a text of several lines the statement begins its line.
        for number in file.places(of: " " + statement) {
          #expect(
            !file.lines[number - 1].drop { $0 == " " }.hasPrefix(statement), "\(file):\(number) has SQL")
        }
      }
    }
  }
}
