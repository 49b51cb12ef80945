// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: warnings are errors, and the language features that make imports and
/// existentials explicit are on.
let house: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
/// Targets that hold pointers must mark each unsafe expression.
let strict: [SwiftSetting] = house + [.strictMemorySafety()]

func system(_ name: String, _ pkgConfig: String, _ apt: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func binding(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func room(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: house)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: dependencies, resources: resources, swiftSettings: house)
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let certificates = Target.Dependency.product(name: "X509", package: "swift-certificates")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

/// The C side: only the binding of the same name imports it.
let cLibraries: [Target] = [
  system("CPostgres", "libpq", "libpq-dev"),
  system("CZstd", "libzstd", "libzstd-dev"),
  system("CSodium", "libsodium", "libsodium-dev"),
  system("CZlib", "zlib", "zlib1g-dev"),
  system("CArchive", "libarchive", "libarchive-dev"),
  system("CCurl", "libcurl", "libcurl4-openssl-dev"),
  system("CUtf8proc", "libutf8proc", "libutf8proc-dev"),
  .target(name: "CXapian", linkerSettings: [.linkedLibrary("xapian")]),
  .target(name: "CSimdJSON", linkerSettings: [.linkedLibrary("simdjson")]),
]

let bindings: [Target] = [
  binding("Blocking", []),
  binding("Postgres", ["CPostgres", "Blocking"]),
  binding("Zstd", ["CZstd"]),
  binding("Sodium", ["CSodium"]),
  binding("Zlib", ["CZlib"]),
  binding("Archive", ["CArchive"]),
  binding("Curl", ["CCurl"]),
  binding("Utf8proc", ["CUtf8proc"]),
  binding("Xapian", ["CXapian"]),
  binding("SimdJSON", ["CSimdJSON"]),
]

/// No I/O, no clock, no randomness of their own.
let domain: [Target] = [
  room("Model", ["SearchTokens"]),
  room("Governance", ["Model"]),
  .target(name: "SegmentFormat", dependencies: ["Model", "Zstd", "Sodium"], swiftSettings: strict),
  room("SearchTokens", ["Utf8proc", "Sodium"]),
]

let stores: [Target] = [
  .target(
    name: "Catalog", dependencies: ["Model", "Governance", "Postgres"], resources: [.embedInCode("sql")],
    swiftSettings: house),
  room("KeyVault", ["Model", "Postgres", "Sodium", "Blocking"]),
  room("AuditLog", ["Model", "Postgres", "Sodium"]),
  room("JobQueue", ["Model", "Postgres"]),
  room("SearchIndex", ["Model", "Xapian", "Blocking", "Sodium"]),
  room("Segments", ["Model", "SegmentFormat", "Sodium", "Blocking", "Curl"]),
  room(
    "History",
    ["Model", "Catalog", "Segments", "SegmentFormat", "KeyVault", "Postgres", "Sodium", "Zstd"]),
]

let flows: [Target] = [
  room(
    "Ingestion",
    [
      "Model", "Catalog", "KeyVault", "SearchTokens", "SimdJSON", "Zstd", "Zlib", "Sodium", "Postgres",
      "Blocking",
      "History",
    ]),
  room(
    "Search",
    [
      "Model", "Catalog", "SearchIndex", "SearchTokens", "KeyVault", "History", "JobQueue", "Postgres",
      "Sodium",
    ]),
  room(
    "Tiering",
    [
      "Model", "Catalog", "KeyVault", "Segments", "SegmentFormat", "History", "JobQueue", "Postgres",
      "AuditLog", "Sodium", "Blocking",
    ]),
  room(
    "Retention",
    [
      "Model", "Catalog", "Governance", "AuditLog", "KeyVault", "SearchTokens", "History", "Postgres",
      "Sodium", "Blocking",
    ]),
  room(
    "Erasure",
    [
      "Model", "Catalog", "AuditLog", "KeyVault", "SearchIndex", "History", "Postgres", "Sodium", "Blocking",
    ]),
  room(
    "Exporting",
    [
      "Model", "Governance", "Catalog", "AuditLog", "KeyVault", "History", "Segments", "SegmentFormat",
      "Postgres", "Sodium", "Blocking", "Archive",
    ]),
]

let allFlows: [Target.Dependency] = [
  "Ingestion", "Search", "Tiering", "Retention", "Erasure", "Exporting",
]
let allStores: [Target.Dependency] = [
  "Catalog", "KeyVault", "AuditLog", "JobQueue", "SearchIndex", "Segments", "History",
]

let top: [Target] = [
  room(
    "Server",
    [
      "Model", "Governance", "Sodium", "SearchTokens", "Postgres", "Blocking", "Zlib", "Zstd", logging,
      hummingbird,
      lifecycle, nioCore, certificates, asn1,
    ] + allFlows + allStores),
  room(
    "Runtime",
    [
      "Model", "Governance", "Server", "Postgres", "Sodium", "Blocking", "Curl", logging, lifecycle, signals,
      hummingbird, yams,
    ] + allFlows + allStores),
  .executableTarget(
    name: "muniment",
    dependencies: [
      "Model", "Governance", "Runtime", "Server", "SearchTokens", "SegmentFormat", "Postgres", "Sodium",
      "Zstd",
      "Xapian",
      "Blocking", arguments, logging,
    ] + allFlows + allStores,
    swiftSettings: house),
]

let testTargets: [Target] = [
  .target(
    name: "TestSupport", dependencies: ["Runtime", "Postgres", "Segments"], path: "Tests/TestSupport",
    swiftSettings: house),
  tests("Blocking", ["Blocking"]),
  tests("Postgres", ["Postgres", "Blocking", "TestSupport"]),
  tests("Runtime", ["Runtime", "Postgres", "TestSupport"]),
  tests("Archive", ["Archive"]),
  tests("Zstd", ["Zstd", "Zlib"]),
  tests("SimdJSON", ["SimdJSON"]),
  tests("SearchTokens", ["SearchTokens", "Utf8proc", "Sodium"]),
  tests("Governance", ["Governance", "Model"]),
  tests("SegmentFormat", ["SegmentFormat", "Model", "Sodium", "Zstd"], resources: [.copy("Fixtures")]),
  tests("Segments", ["Segments", "SegmentFormat", "Model", "Sodium", "Curl", "Blocking", "TestSupport"]),
  tests("KeyVault", ["KeyVault", "Model", "Postgres", "Sodium", "TestSupport"]),
  tests("AuditLog", ["AuditLog", "Model", "Postgres", "Sodium", "TestSupport"]),
  tests("SearchIndex", ["SearchIndex", "Model"]),
  tests(
    "Search",
    [
      "Search", "SearchIndex", "SearchTokens", "Model", "Catalog", "History", "KeyVault", "Ingestion",
      "Tiering", "Erasure", "Runtime", "Postgres", "TestSupport",
    ]),
  tests(
    "Ingestion",
    ["Ingestion", "Model", "SimdJSON", "Zstd"]),
  tests(
    "Retention",
    [
      "Retention", "Model", "Catalog", "Governance", "AuditLog", "KeyVault", "History", "SearchTokens",
      "Postgres", "Segments", "Sodium", "TestSupport",
    ]),
  tests(
    "Erasure",
    [
      "Erasure", "Retention", "Exporting", "Ingestion", "Tiering", "Governance", "Catalog", "History",
      "KeyVault", "AuditLog", "Search", "SearchIndex", "SearchTokens", "Segments", "Runtime", "Model",
      "Postgres", "Sodium", "TestSupport",
    ]),
  tests(
    "Exporting",
    [
      "Exporting", "Ingestion", "Tiering", "TestSupport", "Model", "Catalog", "AuditLog", "History",
      "KeyVault",
      "Segments", "SegmentFormat", "Postgres", "Sodium", "Archive",
    ]),
  tests(
    "Server",
    [
      "Server", "Runtime", "Model", "Catalog", "AuditLog", "KeyVault", "Sodium", "Search", "SearchIndex",
      "SearchTokens", "History", "Ingestion", "Erasure", "Exporting", "JobQueue", "Tiering", "Postgres",
      "Retention", "Governance", "Segments", "TestSupport", logging, lifecycle,
    ]),
  tests("Tidy", []),
  tests("Scenario", ["muniment", "SearchTokens", "TestSupport"]),
]

let package = Package(
  name: "muniment",
  products: [
    .executable(name: "muniment", targets: ["muniment"]),
    .library(name: "SearchTokens", targets: ["SearchTokens"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: cLibraries + bindings + domain + stores + flows + top + testTargets,
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
