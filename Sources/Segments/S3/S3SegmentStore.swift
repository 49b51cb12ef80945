import Blocking
package import Curl
import Foundation
import Glibc
package import Model
import Sodium
import Synchronization

/// Segments as objects of an S3 bucket.
///
/// One signed `PUT` an object, with its SHA-256 as the signed payload hash, so that the server checks what arrived, and
/// `If-None-Match: *`, so that nothing is ever written over. Reads are ranged. In a bucket that keeps versions a
/// deletion deletes every version, and what is locked answers `.locked`.
package final class S3SegmentStore: SegmentStore {
  let client: S3Client
  let options: Options
  let known = Mutex<SegmentStoreReport?>(nil)

  package struct Options: Sendable {
    /// Of new objects, as `STANDARD_IA` or `GLACIER_IR`; `nil`: the bucket's default.
    package var storageClass: String?
    /// Locks every new object for so long.
    package var lock: (mode: SegmentLock.Mode, seconds: Int64)?
    /// A file of certificates to trust in the place of the system's.
    package var certificates: String?
    package var timeouts = HTTPTimeouts()
    package var patience = S3Patience()

    /// Whose segments these are, in plain letters and digits: a place that says otherwise is not touched.
    package let owner: String

    package init(owner: String) { self.owner = owner }
  }

  package init(
    _ location: S3Location, _ credentials: S3Credentials, _ options: Options,
    clock: @escaping @Sendable () -> Timestamp
  ) {
    self.options = options
    client = S3Client(
      location, credentials, timeouts: options.timeouts, certificates: options.certificates,
      patience: options.patience, clock: clock)
  }

  package func put(_ name: String, from path: String) async throws {
    let key = try key(name)
    let report = try await report()
    let file = try await runBlocking { try FileDigest(path, object: name) }
    guard file.size <= Self.objectBytesMax else {
      throw SegmentStoreError(.tooLarge, "segment object \(name) is over \(Self.objectBytesMax) bytes")
    }
    var request = S3Request("PUT", key: key, object: name, verb: "written")
    request.body = .file(path: path, size: file.size)
    request.payloadHash = file.sha256.hex
    request.headers = headers(for: file)
    if report.refusesOverwriting {
      request.headers.append(("if-none-match", "*"))
    } else if try await head(name) != nil {
      throw exists(name)
    }
    let answer = try await client.send(request)
    switch answer.status {
    case 200: return
    case 409, 412:
      // The answer to an earlier attempt may have been lost on its way.
      let found = try await head(name)
      if answer.wasRepeated, found?["x-amz-meta-sha256"] == file.sha256.hex { return }
      // Others write there and none has come to its end.
      if answer.status == 409, found == nil { throw SegmentStoreError(answer, request) }
      throw exists(name)
    default: throw SegmentStoreError(answer, request)
    }
  }

  /// What a single `PUT` may have (Amazon S3 limits).
  static let objectBytesMax = 5 << 30

  private func exists(_ name: String) -> SegmentStoreError {
    SegmentStoreError(.exists, "segment object \(name) exists already")
  }

  private func headers(for file: FileDigest) -> [(name: String, value: String)] {
    var headers = [
      ("content-type", "application/octet-stream"), ("x-amz-meta-sha256", file.sha256.hex),
      // A lock is only taken with a checksum that the server can compare.
      ("x-amz-sdk-checksum-algorithm", "SHA256"), ("x-amz-checksum-sha256", file.sha256.base64()),
    ]
    if let storageClass = options.storageClass { headers.append(("x-amz-storage-class", storageClass)) }
    if let lock = options.lock {
      headers += [
        ("x-amz-object-lock-mode", lock.mode.rawValue.uppercased()),
        (
          "x-amz-object-lock-retain-until-date",
          Self.wholeSeconds(client.clock().adding(seconds: lock.seconds))
        ),
      ]
    }
    return headers
  }

  package func read(_ name: String, range: Range<Int>?) async throws -> [UInt8] {
    let key = try key(name)
    var request = S3Request("GET", key: key, object: name, verb: "read")
    guard let range else {
      request.responseBytesMax = FileSegmentStore.readBytesMax
      let answer = try await client.send(request)
      guard answer.status == 200 else { throw SegmentStoreError(answer, request) }
      return answer.body
    }
    let tooShort = SegmentStoreError(.shortRead, "segment object \(name) ends early")
    guard range.lowerBound >= 0 else { throw tooShort }
    guard range.count <= FileSegmentStore.readBytesMax else {
      throw SegmentStoreError(
        .tooLarge, "a read of segment object \(name) is over \(FileSegmentStore.readBytesMax) bytes")
    }
    // HTTP has no range of no bytes.
    if range.isEmpty {
      guard try await size(name) >= Int64(range.lowerBound) else { throw tooShort }
      return []
    }
    request.headers = [("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")]
    request.responseBytesMax = max(range.count, Self.errorBytesMax)
    let answer = try await client.send(request)
    guard answer.status == 206 else {
      // Without a part the server sends all, which is right by RFC 9110 and no use here.
      if answer.status == 200 {
        throw SegmentStoreError(.unsupported, "the object store does not answer reads of a range")
      }
      throw SegmentStoreError(answer, request)
    }
    guard answer.body.count == range.count else { throw tooShort }
    return answer.body
  }

  /// Room for a document that says what went wrong.
  private static let errorBytesMax = 1 << 16

  package func size(_ name: String) async throws -> Int64 {
    guard let headers = try await head(name) else {
      throw SegmentStoreError(.missing, "segment object \(name) is missing")
    }
    guard let size = headers["content-length"].flatMap({ Int64($0) }) else {
      throw SegmentStoreError(.unsupported, "the object store does not tell the size of \(name)")
    }
    return size
  }

  package func leftover(_ name: String) async throws -> SegmentLeftover? {
    guard let headers = try await head(name) else { return nil }
    return SegmentLeftover(
      name: name, bytes: headers["content-length"].flatMap { Int64($0) } ?? 0,
      modifiedAt: headers["last-modified"].flatMap(Self.time))
  }

  /// A date as HTTP has it, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7); `nil` for anything else.
  static func time(_ text: String) -> Timestamp? {
    let parts = text.split(separator: " ")
    guard parts.count == 6, parts[5] == "GMT", let day = Int(parts[1]), (1...31).contains(day),
      let month = months.firstIndex(of: String(parts[2])), let year = Int(parts[3]),
      (1970...9999).contains(year)
    else { return nil }
    let clock = parts[4].split(separator: ":").compactMap { Int64($0) }
    guard clock.count == 3, (0..<24).contains(clock[0]), (0..<60).contains(clock[1]),
      (0...60).contains(clock[2])
    else { return nil }
    return Timestamp(civil: year, month + 1, day).adding(seconds: clock[0] * 3_600 + clock[1] * 60 + clock[2])
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// `nil`: there is no such object.
  func head(_ name: String) async throws -> [String: String]? {
    let request = S3Request("HEAD", key: try key(name), object: name, verb: "looked up")
    let answer = try await client.send(request)
    if answer.status == 404 { return nil }
    guard answer.status == 200 else { throw SegmentStoreError(answer, request) }
    return answer.headers
  }

  /// Objects that a single put made are whole, and one that broke off left nothing.
  @discardableResult
  package func sweep() async throws -> Int { 0 }

  func key(_ name: String) throws -> String {
    guard SegmentName.id(name) != nil else { throw SegmentStoreError.badName }
    return client.location.key(name)
  }

  /// As S3 has dates in headers: without fractions.
  static func wholeSeconds(_ time: Timestamp) -> String {
    Timestamp(microseconds: time.microseconds / 1_000_000 * 1_000_000).rfc3339
  }

  /// Found out once, by the first who needs it.
  package func report() async throws -> SegmentStoreReport {
    if let known = known.withLock({ $0 }) { return known }
    let report = try await probe()
    known.withLock { $0 = report }
    return report
  }
}

/// Size and SHA-256 of a file.
struct FileDigest: Sendable {
  let size: Int
  let sha256: [UInt8]

  private static let pieceBytes = 1 << 20

  init(_ path: String, object: String) throws(SegmentStoreError) {
    let file = try Descriptor(path, O_RDONLY, object: object)
    size = try file.size(object: object)
    var hash = SHA256Stream()
    for start in stride(from: 0, to: size, by: Self.pieceBytes) {
      hash.update(try file.read(start..<min(start + Self.pieceBytes, size), object: object))
    }
    sha256 = hash.finish()
  }
}
