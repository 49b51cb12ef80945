import Foundation
import Glibc
import Governance
import Model
package import Segments
import Sodium

/// Where segments lie, as the settings say.
package enum ObjectStoreSetting: Sendable {
  case directory(String)
  case bucket(S3Location, S3Credentials, Bucket)

  /// What a bucket's new objects get.
  package struct Bucket: Sendable {
    package var storageClass: String?
    package var lock: (mode: SegmentLock.Mode, seconds: Int64)?
    package var certificates: String?
  }

  /// - Parameter owner: whose segments these are; ``FileSegmentStore`` and ``S3SegmentStore`` refuse others.
  func open(owner: String, clock: @escaping @Sendable () -> Timestamp) throws -> any SegmentStore {
    switch self {
    case .directory(let path): return try FileSegmentStore(directory: path, owner: owner)
    case .bucket(let location, let credentials, let bucket):
      var options = S3SegmentStore.Options(owner: owner)
      options.storageClass = bucket.storageClass
      options.lock = bucket.lock
      options.certificates = bucket.certificates
      return S3SegmentStore(location, credentials, options, clock: clock)
    }
  }
}

extension ObjectStoreSetting {
  /// Whether both are one place under two names: a copy that lies beside its original is none. Directories that are
  /// not there yet are compared by their names.
  func isSamePlace(as other: ObjectStoreSetting) -> Bool {
    switch (self, other) {
    case (.directory(let one), .directory(let two)):
      let (first, second) = (FileIdentity(one), FileIdentity(two))
      if let first, let second { return first == second }
      return URL(fileURLWithPath: one).standardizedFileURL.path
        == URL(fileURLWithPath: two).standardizedFileURL.path
    case (.bucket(let one, _, _), .bucket(let two, _, _)):
      return one.bucket == two.bucket && one.prefix == two.prefix
    default: return false
    }
  }

  /// Objects at a place that no home has claimed yet. A bucket's owner is found when it is first asked.
  func unclaimed() throws -> [String] {
    switch self {
    case .directory(let path): try FileSegmentStore.unclaimed(in: path)
    case .bucket: []
    }
  }
}

/// What tells a file from others, whatever it is called.
private struct FileIdentity: Equatable {
  private let device: UInt64
  private let inode: UInt64

  /// `nil`: there is none.
  init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
  }
}

extension SettingReader {
  func store(home: String) throws -> ObjectStoreSetting {
    let value = values["object_store"] ?? ""
    return value.isEmpty ? .directory(home + "/segments") : try store(value, of: "object_store")
  }

  /// A bucket of it is reached with the same s3 settings.
  func replica(home: String) throws -> ObjectStoreSetting? {
    let value = values["archive.replica"] ?? ""
    guard !value.isEmpty else { return nil }
    let replica = try store(value, of: "archive.replica")
    guard try !replica.isSamePlace(as: store(home: home)) else { throw refusal("archive.replica") }
    return replica
  }

  private func store(_ value: String, of key: String) throws -> ObjectStoreSetting {
    if value.hasPrefix("file:"), value.count > 5 { return .directory(String(value.dropFirst(5))) }
    guard value.hasPrefix("s3://") else { throw refusal(key) }
    let parts = value.dropFirst(5).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    return try bucket(String(parts[0]), prefix: parts.count > 1 ? String(parts[1]) : "", of: key)
  }

  private func bucket(_ name: String, prefix: String, of key: String) throws -> ObjectStoreSetting {
    func text(_ key: String) -> String? { values[key].flatMap { $0.isEmpty ? nil : $0 } }
    let region = text("s3.region") ?? ""
    guard S3Location(bucket: name, prefix: prefix, region: region, endpoint: nil) != nil else {
      throw refusal(
        S3Location(bucket: name, prefix: "", region: "a", endpoint: nil) == nil ? key : "s3.region"
      )
    }
    guard
      let location = S3Location(
        bucket: name, prefix: prefix, region: region, endpoint: text("s3.endpoint"))
    else { throw refusal("s3.endpoint") }
    guard let id = text("s3.access_key_id") else { throw refusal("s3.access_key_id") }
    guard let secret = text("s3.secret_access_key") else { throw refusal("s3.secret_access_key") }
    return .bucket(
      location,
      S3Credentials(
        accessKeyID: id, secretAccessKey: SecretBytes(Array(secret.utf8)),
        sessionToken: text("s3.session_token")),
      .init(
        storageClass: try storageClass(text("s3.storage_class")), lock: try lock(),
        certificates: text("s3.certificates")))
  }

  private func storageClass(_ name: String?) throws -> String? {
    guard let name else { return nil }
    guard name.utf8.allSatisfy({ (0x41...0x5a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f })
    else { throw refusal("s3.storage_class") }
    return name
  }

  private func lock() throws -> (mode: SegmentLock.Mode, seconds: Int64)? {
    let value = values["s3.lock"] ?? "off"
    if value == "off" { return nil }
    let parts = value.split(separator: ":", maxSplits: 1).map(String.init)
    guard parts.count == 2, let mode = SegmentLock.Mode(rawValue: parts[0]),
      let length = RetentionLength(parts[1]), length.seconds > 0
    else { throw refusal("s3.lock") }
    return (mode, length.seconds)
  }
}
