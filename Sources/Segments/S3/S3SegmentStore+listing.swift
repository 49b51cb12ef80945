import Model

extension S3SegmentStore {
  package func list() async throws -> [String] {
    // What is listed may be deleted as a leftover, so it must be ours.
    _ = try await report()
    let prefix = client.location.key("")
    var names: [String] = []
    var token: String?
    repeat {
      var request = S3Request("GET", object: "list", verb: "read")
      request.query = [("list-type", "2"), ("prefix", prefix), ("max-keys", "1000")]
      if let token { request.query.append(("continuation-token", token)) }
      let page = try await document(request, "ListBucketResult", items: ["Contents"])
      names += page.items.compactMap { name(ofKey: $0["Key"], prefix) }
      let before = token
      token = page.fields["IsTruncated"] == "true" ? page.fields["NextContinuationToken"] : nil
      if page.fields["IsTruncated"] == "true", token == nil || token == before {
        throw SegmentStoreError(.unsupported, "the object store's list goes on and does not say where")
      }
    } while token != nil
    return names.sorted()
  }

  package func delete(_ name: String) async throws {
    let key = try key(name)
    guard try await report().keepsVersions else { return try await delete(name, key, version: nil) }
    // Deleted versions move the others up, so each round asks from the start.
    for _ in 0..<Self.versionRoundsMax {
      let versions = try await versions(of: key, name)
      guard !versions.isEmpty else { return }
      for version in versions { try await delete(name, key, version: version) }
    }
    throw SegmentStoreError(
      .io, "segment object \(name) could not be deleted: the object store still lists versions of it")
  }

  /// Of up to a thousand versions each; an object of ours has one, and a few more if somebody else wrote it.
  private static let versionRoundsMax = 10

  private func delete(_ name: String, _ key: String, version: String?) async throws {
    var request = S3Request("DELETE", key: key, object: name, verb: "deleted")
    if let version { request.query = [("versionId", version)] }
    let answer = try await client.send(request)
    switch answer.status {
    case 200, 204, 404: return
    case 403:
      if let lock = try? await lock(of: name), lock != SegmentLock() { throw SegmentStoreError(name, lock) }
      throw SegmentStoreError(answer, request)
    default: throw SegmentStoreError(answer, request)
    }
  }

  /// Versions and delete markers of one key, up to a page of them.
  private func versions(of key: String, _ name: String) async throws -> [String] {
    var request = S3Request("GET", object: name, verb: "looked up")
    request.query = [("versions", ""), ("prefix", key), ("max-keys", "1000")]
    return try await document(request, "ListVersionsResult", items: ["Version", "DeleteMarker"]).items
      .filter { $0["Key"] == key }.compactMap { $0["VersionId"] }
  }

  /// The answer to a request for an XML document.
  private func document(_ request: S3Request, _ root: String, items: Set<String>) async throws -> S3Reply {
    var request = request
    request.responseBytesMax = Self.documentBytesMax
    let answer = try await client.send(request)
    guard answer.status == 200 else { throw SegmentStoreError(answer, request) }
    guard let reply = S3Reply(answer.body, root: root, items: items) else {
      throw SegmentStoreError(.unsupported, "the object store's answer is not a whole \(root)")
    }
    return reply
  }

  /// A thousand keys of a kilobyte each, and what stands around them.
  private static let documentBytesMax = 8 << 20

  private func name(ofKey key: String?, _ prefix: String) -> String? {
    guard let key, key.hasPrefix(prefix) else { return nil }
    let name = String(key.dropFirst(prefix.count))
    return SegmentName.id(name) == nil ? nil : name
  }
}

extension SegmentStoreError {
  init(_ name: String, _ lock: SegmentLock) {
    let reason = lock.legalHold ? "under a legal hold" : "locked until \(lock.until?.rfc3339 ?? "later")"
    self.init(.locked, "segment object \(name) is \(reason)")
  }
}
