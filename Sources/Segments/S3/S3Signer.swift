import Model
import Sodium

/// AWS Signature Version 4 in the `Authorization` header, as "Authenticating Requests" of Amazon's S3 API reference
/// has it.
struct S3Signer: Sendable {
  let credentials: S3Credentials
  let region: String

  /// The SHA-256 of no bytes, for requests without a body.
  static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

  /// What a signature covers. Path and query are not encoded a second time.
  struct Subject {
    var method: String
    var path: String
    var query: [(name: String, value: String)] = []
    /// Every header that is sent, `host` among them.
    var headers: [(name: String, value: String)]
    var payloadHash: String
  }

  /// The headers to add to the subject's own.
  func headers(for subject: Subject, at time: Timestamp) -> [(name: String, value: String)] {
    let stamp = Self.stamp(time)
    var added = [("x-amz-date", stamp), ("x-amz-content-sha256", subject.payloadHash)]
    if let token = credentials.sessionToken { added.append(("x-amz-security-token", token)) }
    var complete = subject
    complete.headers += added
    let scope = "\(stamp.prefix(8))/\(region)/s3/aws4_request"
    let (request, names) = Self.canonical(complete)
    let text = "AWS4-HMAC-SHA256\n\(stamp)\n\(scope)\n\(SHA256.hash(Array(request.utf8)).hex)"
    let signature = HMACSHA256.authenticate(Array(text.utf8), key: key(day: String(stamp.prefix(8)))).hex
    added.append(
      (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
      ))
    return added
  }

  private static func canonical(_ subject: Subject) -> (request: String, names: String) {
    let headers = subject.headers.map { ($0.name.lowercased(), trimmed($0.value)) }.sorted { $0.0 < $1.0 }
    let names = headers.map(\.0).joined(separator: ";")
    let query = queryText(subject.query)
    let lines = headers.map { "\($0.0):\($0.1)\n" }.joined()
    let parts = [subject.method, subject.path, query, lines, names, subject.payloadHash]
    return (parts.joined(separator: "\n"), names)
  }

  /// As it is signed and sent: encoded, sorted by name and then value.
  static func queryText(_ query: [(name: String, value: String)]) -> String {
    let encoded = query.map { (S3Encoding.query($0.name), S3Encoding.query($0.value)) }
    return encoded.sorted { $0 < $1 }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
  }

  /// Spaces at the ends go, runs of them become one.
  private static func trimmed(_ value: String) -> String {
    value.split(separator: " ").joined(separator: " ")
  }

  private func key(day: String) -> SecretBytes {
    var key = credentials.secretAccessKey.withUnsafeBytes { SecretBytes(Array("AWS4".utf8) + Array($0)) }
    for part in [day, region, "s3", "aws4_request"] {
      key = SecretBytes(HMACSHA256.authenticate(Array(part.utf8), key: key))
    }
    return key
  }

  /// `20130524T000000Z`, from RFC 3339 in UTC.
  static func stamp(_ time: Timestamp) -> String {
    let seconds = Timestamp(microseconds: time.microseconds / 1_000_000 * 1_000_000)
    return String(seconds.rfc3339.prefix(19).filter { $0 != "-" && $0 != ":" }) + "Z"
  }
}
