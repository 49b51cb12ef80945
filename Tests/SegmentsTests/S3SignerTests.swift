import Model
import Sodium
import Testing

@testable import Segments

/// The worked examples of "Authenticating Requests: Using the Authorization Header" in Amazon's S3 API reference.
@Suite struct S3SignerTests {
  private static let signer = S3Signer(
    credentials: S3Credentials(
      accessKeyID: "AKIAIOSFODNN7EXAMPLE",
      secretAccessKey: SecretBytes(Array("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".utf8))),
    region: "us-east-1")
  private static let time = Timestamp(civil: 2013, 5, 24)
  private static let host = ("host", "examplebucket.s3.amazonaws.com")

  struct Example: Sendable {
    let subject: S3Signer.Subject
    let names: String
    let signature: String
  }

  static let examples = [
    Example(
      subject: S3Signer.Subject(
        method: "GET", path: "/test.txt", headers: [host, ("Range", "bytes=0-9")],
        payloadHash: S3Signer.emptyHash),
      names: "host;range;x-amz-content-sha256;x-amz-date",
      signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
    Example(
      subject: S3Signer.Subject(
        method: "PUT", path: S3Encoding.path("/test$file.text"),
        headers: [
          host, ("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ], payloadHash: SHA256.hash(Array("Welcome to Amazon S3.".utf8)).hex),
      names: "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
      signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
    Example(
      subject: S3Signer.Subject(
        method: "GET", path: "/", query: [("lifecycle", "")], headers: [host],
        payloadHash: S3Signer.emptyHash),
      names: "host;x-amz-content-sha256;x-amz-date",
      signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    Example(
      subject: S3Signer.Subject(
        method: "GET", path: "/", query: [("prefix", "J"), ("max-keys", "2")], headers: [host],
        payloadHash: S3Signer.emptyHash),
      names: "host;x-amz-content-sha256;x-amz-date",
      signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
  ]

  @Test("the published examples come out", arguments: 0..<examples.count)
  func example(_ number: Int) {
    let example = Self.examples[number]
    let headers = Self.signer.headers(for: example.subject, at: Self.time)
    #expect(
      headers.last?.value
        == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        + "SignedHeaders=\(example.names), Signature=\(example.signature)")
  }

  @Test("a session's token is signed along")
  func sessionToken() {
    let signer = S3Signer(
      credentials: S3Credentials(accessKeyID: "A", secretAccessKey: SecretBytes([1]), sessionToken: "token"),
      region: "eu-west-1")
    let headers = signer.headers(for: Self.examples[0].subject, at: Self.time)
    #expect(headers.contains { $0.name == "x-amz-security-token" && $0.value == "token" })
    #expect(headers.last?.value.contains("x-amz-date;x-amz-security-token") == true)
  }

  @Test("only unreserved characters stay as they are")
  func encoding() {
    #expect(S3Encoding.path("a b/c+d&é~(1)'!*.x_-") == "a%20b/c%2Bd%26%C3%A9~%281%29%27%21%2A.x_-")
    #expect(S3Encoding.query("a/b=c") == "a%2Fb%3Dc")
  }

  @Test("places of buckets, and what is none")
  func locations() throws {
    func at(_ bucket: String, _ endpoint: String? = nil, region: String = "eu-west-1") -> S3Location? {
      S3Location(bucket: bucket, prefix: "/deep//er/", region: region, endpoint: endpoint)
    }
    let aws = try #require(at("my-bucket"))
    #expect(aws.origin + aws.path("k") == "https://my-bucket.s3.eu-west-1.amazonaws.com/k")
    #expect(aws.key("name") == "deep/er/name")
    let dotted = try #require(at("my.bucket"))
    #expect(dotted.origin + dotted.path("k") == "https://s3.eu-west-1.amazonaws.com/my.bucket/k")
    let own = try #require(at("my-bucket", "http://127.0.0.1:9000/"))
    #expect(own.origin + own.path(nil) == "http://127.0.0.1:9000/my-bucket")
    #expect(own.host == "127.0.0.1:9000")
    for bucket in ["", "ab", "Bucket", "a_b", "-ab", ".ab", "a..b", "a/b", String(repeating: "a", count: 64)]
    {
      #expect(at(bucket) == nil, "\(bucket)")
    }
    for endpoint in [
      "", "ftp://host", "host", "http://", "http://host/path", "http://u:p@host", "http://h?q",
    ] {
      #expect(at("bucket", endpoint) == nil, "\(endpoint)")
    }
    #expect(at("bucket", region: "EU west") == nil)
  }
}
