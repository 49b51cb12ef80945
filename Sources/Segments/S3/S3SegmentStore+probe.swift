import Curl
import Sodium

extension S3SegmentStore {
  /// Finds out what the server can do and that the place is ours. Writes one small object, twice at most for ever.
  func probe() async throws -> SegmentStoreReport {
    let refuses = try await claim()
    let keepsVersions = try await hasVersions()
    let canLock = try await locks()
    if options.lock != nil, !canLock {
      throw SegmentStoreError(
        .unsupported,
        "s3.lock is set, but the bucket has no object lock: make a bucket that has it, or turn s3.lock off")
    }
    let problem =
      "the object store does not honour If-None-Match: objects are looked up before they are written instead"
    return SegmentStoreReport(
      kind: "s3", refusesOverwriting: refuses, keepsVersions: keepsVersions, canLock: canLock,
      problems: refuses ? [] : [problem])
  }

  private func hasVersions() async throws -> Bool {
    var request = S3Request("GET", object: "bucket", verb: "looked at")
    request.query = [("versioning", "")]
    let answer = try await client.send(request)
    if answer.status == 501 { return false }
    guard answer.status == 200 else { throw SegmentStoreError(answer, request) }
    guard let reply = S3Reply(answer.body, root: "VersioningConfiguration") else {
      throw SegmentStoreError(.unsupported, "the object store does not say whether it keeps versions")
    }
    // Suspended: there may be versions of before.
    return reply.fields["Status"] != nil
  }

  private func locks() async throws -> Bool {
    var request = S3Request("GET", object: "bucket", verb: "looked at")
    request.query = [("object-lock", "")]
    let answer = try await client.send(request)
    return answer.status == 200 && S3Reply(answer.body)?.fields["ObjectLockEnabled"] == "Enabled"
  }

  /// An object that says whose the place is: what another home keeps here would be taken for leftovers and deleted.
  private static let ownerName = "owner"
  private static let overwrittenHeader = "x-amz-meta-overwritten"

  /// Makes the place ours, or finds that it is.
  ///
  /// - Returns: whether the server refuses to overwrite, tried with this very object; once overwritten it says so.
  ///   Ceph 16, for one, refuses in plain buckets and does not in those with versions.
  private func claim() async throws -> Bool {
    let found = try await owner()
    if found == nil, try await writeOwner(again: false) == .impossible { return false }
    let kept = if let found { found } else { try await owner() }
    guard let kept, kept.body == ownerBody else {
      throw SegmentStoreError(
        .refused,
        "this place of the object store belongs to another muniment home; give object_store a prefix of its own"
      )
    }
    if kept.headers[Self.overwrittenHeader] != nil { return false }
    return try await writeOwner(again: true) == .refused
  }

  private var ownerBody: [UInt8] { Array("muniment \(options.owner)\n".utf8) }

  private func owner() async throws -> S3Answer? {
    let key = client.location.key(Self.ownerName)
    let request = S3Request("GET", key: key, object: Self.ownerName, verb: "read")
    let answer = try await client.send(request)
    if answer.status == 404, S3Reply.errorCode(answer.body) != "NoSuchBucket" { return nil }
    guard answer.status == 200 else { throw SegmentStoreError(answer, request) }
    return answer
  }

  private enum Outcome { case written, refused, impossible }

  private func writeOwner(again: Bool) async throws -> Outcome {
    var request = S3Request(
      "PUT", key: client.location.key(Self.ownerName), object: Self.ownerName, verb: "written")
    request.setBody(ownerBody, contentType: "text/plain")
    request.headers.append(("if-none-match", "*"))
    if again { request.headers.append((Self.overwrittenHeader, "yes")) }
    let answer = try await client.send(request)
    switch answer.status {
    case 200: return .written
    case 409, 412: return .refused
    case 501: return .impossible
    default: throw SegmentStoreError(answer, request)
    }
  }
}
