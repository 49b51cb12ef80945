import AuditLog
package import Exporting
import Foundation
import Governance
package import KeyVault
import Model
package import Search
package import Server
import Yams

/// All settings of a running program, checked. Precedence: environment, file, default; the command line is
/// applied by the commands themselves.
package struct Settings: Sendable {
  package let home: String
  package let databaseURL: String?
  package let objectStore: ObjectStoreSetting
  package let replicaStore: ObjectStoreSetting?
  package let archiveCacheBytes: Int
  package let indexGroups: Int
  package let searchSeconds: Int
  package let indexing: IndexingLimits
  package let indexPoll: Duration
  package let archiveOlderThanSeconds: Int64
  package let segmentBytes: Int64
  package let archiving: ArchivingLimits
  package let retentionGraceSeconds: Int64
  package let retentionNeedsApproval: Bool
  package let reviewSeconds: Int64
  package let endsPeriods: Bool
  package let backupWindowSeconds: Int64
  package let setAsideSeconds: Int64
  package let auditOrigin: String
  /// Verifier keys, checked.
  package let auditWitnesses: [String]
  package let processing: ProcessingStatement
  package let exporting: ExportLimits
  /// Minutes after midnight UTC; `nil`: off.
  package let nightlyMinute: Int?
  package let bodyBytesMax: Int
  package let requestsPerSecond: Int
  package let sharedSecret: String?
  package let openDSR: OpenDSRSettings
  package let deletions: DeletionSettings
  package let rootKeyCommand: [String]
  /// Each setting as it is in force, secrets hidden.
  package let shown: [(key: SettingKey, value: String)]

  package init(home: String?, environment: [String: String] = ProcessInfo.processInfo.environment) throws {
    let home = Self.absolute(home ?? environment["MUNIMENT_HOME"] ?? "muniment-data")
    let file = try Self.file(
      environment["MUNIMENT_CONFIG"] ?? home + "/muniment.yaml",
      explicit: environment["MUNIMENT_CONFIG"] != nil)
    var values: [String: String] = [:]
    for key in SettingKey.all {
      values[key.name] = key.environment.flatMap { environment[$0] } ?? file[key.name] ?? key.fallback
    }
    if let unknown = file.keys.sorted().first(where: { name in !SettingKey.all.contains { $0.name == name } })
    {
      throw SettingsError(
        "unknown setting \(unknown) in the settings file; `muniment config show --defaults` lists them")
    }
    let read = SettingReader(values: values)
    self.home = home
    databaseURL = values["database.url"].flatMap { $0.isEmpty ? nil : $0 }
    objectStore = try read.store(home: home)
    replicaStore = try read.replica(home: home)
    archiveCacheBytes = Int(try read.number("archive.cache_bytes", in: 0...68_719_476_736))
    indexGroups = Int(try read.number("index.groups", in: 1...64))
    searchSeconds = Int(try read.number("search.deadline_seconds", in: 1...3_600))
    indexing = try read.indexing()
    indexPoll = .milliseconds(try read.number("index.poll_milliseconds", in: 20...60_000))
    archiveOlderThanSeconds = try read.duration("archive.older_than")
    segmentBytes = try read.number("archive.segment_bytes", in: 1_048_576...1_073_741_824)
    archiving = try read.archiving()
    retentionGraceSeconds = try read.duration("retention.grace")
    retentionNeedsApproval = try read.needsApproval()
    reviewSeconds = try read.duration("retention.review_within")
    endsPeriods = try read.isOn("retention.end_periods")
    backupWindowSeconds = try read.duration("keys.backup_window")
    setAsideSeconds = try read.duration("set_aside.expiry")
    auditOrigin = try read.auditOrigin()
    auditWitnesses = try read.auditWitnesses()
    processing = ProcessingStatement(values)
    exporting = try read.exporting()
    nightlyMinute = try read.timeOfDay("schedule.nightly")
    bodyBytesMax = Int(try read.number("server.body_bytes", in: 1_048_576...1_099_511_627_776))
    requestsPerSecond = Int(try read.number("server.requests_per_second", in: 1...100_000))
    sharedSecret = try read.secret("access_token.shared_secret")
    openDSR = try read.openDSR()
    deletions = try read.deletions()
    rootKeyCommand = read.words("root_key.command")
    shown = SettingKey.all.map { key in
      let value = values[key.name] ?? ""
      let hidden =
        key.range.hasSuffix("secret") && !value.isEmpty || key.name == "database.url" && !value.isEmpty
      return (key, hidden ? "(set)" : value)
    }
  }

  /// Where the root key comes from.
  package var rootKeySource: RootKeySource { rootKeyCommand.isEmpty ? .file : .command(rootKeyCommand) }

  private static func absolute(_ path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.path
  }

  /// The settings file, nested keys joined with points. A missing default file is no error.
  private static func file(_ path: String, explicit: Bool) throws -> [String: String] {
    guard let data = FileManager.default.contents(atPath: path) else {
      if explicit { throw SettingsError("MUNIMENT_CONFIG names a file that cannot be read") }
      return [:]
    }
    do {
      guard let root = try Yams.load(yaml: String(decoding: data, as: UTF8.self)) else { return [:] }
      var flat: [String: String] = [:]
      flatten(root, "", into: &flat)
      return flat
    } catch {
      throw SettingsError("the settings file is not valid YAML")
    }
  }

  private static func flatten(_ value: Any, _ prefix: String, into flat: inout [String: String]) {
    guard let mapping = value as? [String: Any] else {
      flat[prefix] = "\(value)"
      return
    }
    for (key, value) in mapping { flatten(value, prefix.isEmpty ? key : prefix + "." + key, into: &flat) }
  }
}

/// Turns text into checked values.
struct SettingReader {
  let values: [String: String]

  func refusal(_ name: String) -> SettingsError {
    let range = SettingKey.all.first { $0.name == name }?.range ?? ""
    return SettingsError("setting \(name) has a value that is not allowed; allowed: \(range)")
  }

  func number(_ name: String, in range: ClosedRange<Int64>) throws -> Int64 {
    guard let value = values[name].flatMap({ Int64($0) }), range.contains(value) else { throw refusal(name) }
    return value
  }

  func duration(_ name: String) throws -> Int64 {
    guard let value = values[name], let length = RetentionLength(value) else { throw refusal(name) }
    return length.seconds
  }

  func timeOfDay(_ name: String) throws -> Int? {
    let value = values[name] ?? "off"
    if value == "off" { return nil }
    let parts = value.split(separator: ":").compactMap { Int($0) }
    guard parts.count == 2, (0..<24).contains(parts[0]), (0..<60).contains(parts[1]) else {
      throw refusal(name)
    }
    return parts[0] * 60 + parts[1]
  }

  func indexing() throws -> IndexingLimits {
    var limits = IndexingLimits()
    limits.steps = Int(try number("index.batch_steps", in: 1...50_000))
    limits.bytes = Int(try number("index.batch_bytes", in: 65_536...134_217_728))
    limits.time = .milliseconds(try number("index.batch_milliseconds", in: 20...60_000))
    return limits
  }

  func exporting() throws -> ExportLimits {
    func limit(_ name: String, _ most: Int64) throws -> Int64? {
      let number = try number(name, in: 0...most)
      return number == 0 ? nil : number
    }
    var limits = ExportLimits()
    let expiry = try duration("exports.expiry")
    limits.expirySeconds = expiry == 0 ? nil : expiry
    limits.packagesMax = try limit("exports.packages", 1_000_000).map { Int($0) }
    limits.bytesMax = try limit("exports.bytes", 1_000_000_000_000_000)
    limits.runningMax = Int(try number("exports.running", in: 1...64))
    limits.resumeSeconds = try duration("exports.resume_within")
    limits.messagesPerSecond = try limit("exports.rate", 10_000_000).map { Int($0) }
    return limits
  }

  func secret(_ name: String) throws -> String? {
    guard let value = values[name], !value.isEmpty else { return nil }
    guard value.utf8.count >= 32 else { throw refusal(name) }
    return value
  }

  func auditOrigin() throws -> String {
    let origin = values["audit.origin"] ?? ""
    let stand = [UInt8](repeating: 0, count: 32)
    guard NoteKey(name: origin, publicKey: stand) != nil, !origin.contains("://") else {
      throw refusal("audit.origin")
    }
    return origin
  }

  func auditWitnesses() throws -> [String] {
    let keys = words("audit.witnesses")
    guard keys.allSatisfy({ NoteKey(verifierKey: $0)?.kind == .cosignature }) else {
      throw refusal("audit.witnesses")
    }
    return keys
  }

  func words(_ name: String) -> [String] { (values[name] ?? "").split(separator: " ").map(String.init) }
}
