import Blocking
import Curl
import Model
import Sodium

/// One request to the bucket, before it is signed.
struct S3Request: Sendable {
  var method: String
  /// `nil`: the bucket itself.
  var key: String?
  var query: [(name: String, value: String)] = []
  var headers: [(name: String, value: String)] = []
  var body: HTTPCall.Body = .none
  /// Lower-case hexadecimal SHA-256 of the body; the server refuses a body that has another one.
  var payloadHash = S3Signer.emptyHash
  var responseBytesMax = 1 << 20
  /// How errors name what this was about.
  var object: String
  var verb: String

  init(_ method: String, key: String? = nil, object: String, verb: String) {
    self.method = method
    self.key = key
    self.object = object
    self.verb = verb
  }

  /// With the checksum the server is to compare, in the form it has to have where an object is locked.
  mutating func setBody(_ bytes: [UInt8], contentType: String) {
    let hash = SHA256.hash(bytes)
    body = .bytes(bytes)
    payloadHash = hash.hex
    headers += [
      ("content-type", contentType), ("x-amz-sdk-checksum-algorithm", "SHA256"),
      ("x-amz-checksum-sha256", hash.base64()),
    ]
  }
}

struct S3Answer: Sendable {
  let status: Int
  let headers: [String: String]
  let body: [UInt8]
  /// An earlier attempt failed in a way that leaves open whether it took effect.
  let wasRepeated: Bool
}

/// How often and how patiently a request is made again.
package struct S3Patience: Sendable {
  /// The first one included.
  package var attempts = 6
  package var firstPauseSeconds = 0.2
  package var pauseSecondsMax = 10.0

  package init() {}
}

/// Signs requests, sends them, and makes them again where that is safe: every request here is idempotent or
/// conditional.
struct S3Client: Sendable {
  let location: S3Location
  let patience: S3Patience
  let clock: @Sendable () -> Timestamp
  private let signer: S3Signer
  private let http: HTTPClient
  private let threads: BlockingThreads

  /// Requests under way at once; each holds a thread.
  private static let requestsMax = 16

  init(
    _ location: S3Location, _ credentials: S3Credentials, timeouts: HTTPTimeouts, certificates: String?,
    patience: S3Patience, clock: @escaping @Sendable () -> Timestamp
  ) {
    self.location = location
    self.patience = patience
    self.clock = clock
    signer = S3Signer(credentials: credentials, region: location.region)
    http = HTTPClient(timeouts: timeouts, certificates: certificates)
    threads = BlockingThreads(name: "object-store", limit: Self.requestsMax)
  }

  /// The last answer, whatever its status. Throws ``SegmentStoreError`` `.io` if none came.
  func send(_ request: S3Request) async throws -> S3Answer {
    var wasRepeated = false
    for attempt in 1... {
      let isLast = attempt >= patience.attempts
      var pause = jitter(after: attempt)
      do {
        let answer = try await once(request)
        guard !isLast, Self.isPassing(answer) else {
          return S3Answer(
            status: answer.status, headers: answer.headers, body: answer.body, wasRepeated: wasRepeated)
        }
        wasRepeated = wasRepeated || answer.status >= 500
        if let asked = answer.headers["retry-after"].flatMap({ Double($0) }), asked > 0 {
          pause = max(pause, min(asked, patience.pauseSecondsMax))
        }
      } catch let error as HTTPError {
        guard !isLast, error.isRetryable else { throw SegmentStoreError(error, request) }
        wasRepeated = wasRepeated || error.code != .unreachable
      }
      try await Task.sleep(for: .seconds(pause))
    }
    preconditionFailure("the loop ends by itself")
  }

  /// Signed anew at each attempt: a signature is good for minutes only.
  private func once(_ request: S3Request) async throws -> HTTPAnswer {
    let path = location.path(request.key)
    let sent = request.headers + [("host", location.host)]
    let subject = S3Signer.Subject(
      method: request.method, path: path, query: request.query, headers: sent,
      payloadHash: request.payloadHash)
    let query = request.query.isEmpty ? "" : "?" + S3Signer.queryText(request.query)
    let call = HTTPCall(
      method: request.method, url: location.origin + path + query,
      headers: request.headers + signer.headers(for: subject, at: clock()), body: request.body,
      responseBytesMax: request.responseBytesMax)
    let http = http
    return try await threads.run { try http.perform(call) }
  }

  /// Full jitter: anything from nothing to the doubled pause, so that clients do not come back together ("Exponential
  /// Backoff And Jitter", AWS Architecture Blog, 2015).
  private func jitter(after attempt: Int) -> Double {
    let pause = patience.firstPauseSeconds * Double(1 << min(attempt - 1, 16))
    return Double.random(in: 0...min(pause, patience.pauseSecondsMax))
  }

  /// What goes by itself: overload, failures inside, a conflict of two writers.
  private static func isPassing(_ answer: HTTPAnswer) -> Bool {
    switch answer.status {
    case 408, 409, 429, 500, 502, 503, 504: true
    case 400: S3Reply.errorCode(answer.body) == "RequestTimeout"
    default: false
    }
  }
}

extension SegmentStoreError {
  init(_ error: HTTPError, _ request: S3Request) {
    self.init(
      error.isRetryable ? .io : .refused,
      "segment object \(request.object) could not be \(request.verb): \(error.description)")
  }

  /// For an answer that is not the one hoped for.
  init(_ answer: S3Answer, _ request: S3Request) {
    let named = S3Reply.errorCode(answer.body).map { " \($0)" } ?? ""
    let told =
      "segment object \(request.object) could not be \(request.verb): the object store answered "
      + "\(answer.status)\(named)"
    switch (answer.status, named.dropFirst()) {
    case (404, "NoSuchBucket"):
      self.init(.refused, told + "; make the bucket, or correct the setting object_store")
    case (404, _): self.init(.missing, "segment object \(request.object) is missing")
    case (403, "RequestTimeTooSkewed"):
      self.init(.refused, told + "; this machine's clock and the server's differ too much")
    case (403, "InvalidObjectState"):
      self.init(.offline, told + "; it is in an archival storage class: restore it in the object store first")
    case (401, _), (403, _):
      self.init(.refused, told + "; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do")
    case (416, _): self.init(.shortRead, "segment object \(request.object) ends early")
    case (501, _): self.init(.unsupported, told)
    case (408, _), (409, _), (429, _), (500..., _): self.init(.io, told)
    default: self.init(.refused, told)
    }
  }
}
