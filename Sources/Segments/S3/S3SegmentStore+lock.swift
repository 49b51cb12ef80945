package import Model

extension S3SegmentStore: LockingSegmentStore {
  package func lock(of name: String) async throws -> SegmentLock {
    guard let headers = try await head(name) else {
      throw SegmentStoreError(.missing, "segment object \(name) is missing")
    }
    return SegmentLock(
      mode: headers["x-amz-object-lock-mode"].flatMap { SegmentLock.Mode(rawValue: $0.lowercased()) },
      until: headers["x-amz-object-lock-retain-until-date"].flatMap { Timestamp(rfc3339: $0) },
      legalHold: headers["x-amz-object-lock-legal-hold"] == "ON")
  }

  package func lock(_ name: String, _ mode: SegmentLock.Mode, until: Timestamp) async throws {
    try await change(
      name, "retention",
      "<Retention><Mode>\(mode.rawValue.uppercased())</Mode>"
        + "<RetainUntilDate>\(Self.wholeSeconds(until))</RetainUntilDate></Retention>")
  }

  package func setLegalHold(_ isOn: Bool, on name: String) async throws {
    try await change(name, "legal-hold", "<LegalHold><Status>\(isOn ? "ON" : "OFF")</Status></LegalHold>")
  }

  private func change(_ name: String, _ part: String, _ document: String) async throws {
    var request = S3Request("PUT", key: try key(name), object: name, verb: "locked")
    request.query = [(part, "")]
    request.setBody(Array(document.utf8), contentType: "application/xml")
    let answer = try await client.send(request)
    switch answer.status {
    case 200, 204: return
    // A lock that would be shortened.
    case 403:
      let lock = try await lock(of: name)
      throw lock == SegmentLock() ? SegmentStoreError(answer, request) : SegmentStoreError(name, lock)
    default: throw SegmentStoreError(answer, request)
    }
  }
}
