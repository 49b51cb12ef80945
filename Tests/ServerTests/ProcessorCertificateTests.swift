import Foundation
import Model
import Postgres
import Runtime
import Server
import Sodium
import Testing

/// An authority made with OpenSSL, certificates of its own, and OpenSSL's word on what was signed.
private struct Authority {
  struct Failed: Error {}

  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("authority-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try key("root", "ec")
    try run(
      "req", "-x509", "-new", "-key", path("root.key"), "-subj", "/CN=Root", "-days", "30", "-out",
      path("root.pem"))
    try key("middle", "ec")
    try issue("middle", subject: "/CN=Middle", by: "root", extensions: "basicConstraints=critical,CA:TRUE")
  }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  @discardableResult
  func run(_ words: String...) throws -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["openssl"] + words
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  func key(_ name: String, _ kind: String) throws {
    let made =
      switch kind {
      case "rsa":
        try run(
          "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path(name + ".key"))
      case "ed25519": try run("genpkey", "-algorithm", "ED25519", "-out", path(name + ".key"))
      default:
        try run(
          "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path(name + ".key"))
      }
    guard made else { throw Failed() }
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path(name + ".key"))
  }

  func issue(_ name: String, subject: String, by issuer: String, extensions: String, days: Int = 20) throws {
    try extensions.write(toFile: path(name + ".ext"), atomically: true, encoding: .utf8)
    guard
      try run("req", "-new", "-key", path(name + ".key"), "-subj", subject, "-out", path(name + ".csr")),
      try run(
        "x509", "-req", "-in", path(name + ".csr"), "-CA", path(issuer + ".pem"), "-CAkey",
        path(issuer + ".key"),
        "-set_serial", "\(Int.random(in: 1...1_000_000))", "-days", "\(days)", "-extfile",
        path(name + ".ext"), "-out",
        path(name + ".pem"))
    else { throw Failed() }
  }

  /// A certificate for `hosts` by the authority in the middle, and its chain.
  func processor(
    _ name: String, _ kind: String = "ec", hosts: String = "DNS:dsr.example.org", days: Int = 20
  ) throws -> ProcessorCertificate.Files {
    try key(name, kind)
    try issue(
      name, subject: "/CN=Processor", by: "middle", extensions: "subjectAltName=\(hosts)", days: days)
    return try chain(name, [name, "middle"])
  }

  func chain(_ name: String, _ parts: [String]) throws -> ProcessorCertificate.Files {
    let text = try parts.map { try String(contentsOfFile: path($0 + ".pem"), encoding: .utf8) }.joined()
    try text.write(toFile: path(name + ".chain"), atomically: true, encoding: .utf8)
    return ProcessorCertificate.Files(certificate: path(name + ".chain"), key: path(name + ".key"))
  }

  /// Whether the root leads to the certificate in `pem`, and its key signed `body`.
  func confirms(_ signature: [UInt8], of body: [UInt8], by pem: String) throws -> Bool {
    for (name, bytes) in [("pem", Array(pem.utf8)), ("signature", signature), ("body", body)] {
      try Data(bytes).write(to: folder.appendingPathComponent("seen." + name))
    }
    let leads = try run(
      "verify", "-CAfile", path("root.pem"), "-untrusted", path("middle.pem"), path("seen.pem"))
    let isKnown = try run("x509", "-in", path("seen.pem"), "-pubkey", "-noout", "-out", path("seen.key"))
    guard leads, isKnown else { return false }
    return try run(
      "dgst", "-sha256", "-verify", path("seen.key"), "-signature", path("seen.signature"), path("seen.body"))
  }
}

@Suite("The processor's certificate", .timeLimit(.minutes(5)))
struct ProcessorCertificateTests {
  private static let domain = "dsr.example.org"

  private func refusal(
    _ files: ProcessorCertificate.Files, domain: String = Self.domain, days: Int64 = 0
  ) -> String? {
    do throws(ProcessorCertificate.Refusal) {
      _ = try ProcessorCertificate(
        files, domain: domain, at: Application.clock().adding(seconds: days * 86_400))
      return nil
    } catch { return error.description }
  }

  @Test("OpenSSL confirms what the key signed, RSA and elliptic curve", arguments: ["rsa", "ec"])
  func confirmed(kind: String) throws {
    let authority = try Authority()
    let certificate = try ProcessorCertificate(
      try authority.processor("own", kind), domain: Self.domain, at: Application.clock())
    let body = Array("a body".utf8)
    #expect(try authority.confirms(try certificate.sign(body), of: body, by: certificate.pem))
    #expect(
      try !authority.confirms(try certificate.sign(body), of: Array("another".utf8), by: certificate.pem))
  }

  @Test("A star stands for one label and no more")
  func stars() throws {
    let files = try Authority().processor("own", hosts: "DNS:*.example.org,DNS:Example.Net")
    #expect(refusal(files, domain: "dsr.example.org") == nil)
    #expect(refusal(files, domain: "example.net") == nil)
    for domain in ["example.org", "a.b.example.org", "dsr.example.net", "org"] {
      #expect(refusal(files, domain: domain)?.contains("does not name \(domain)") == true)
    }
  }

  @Test("What cannot be shown to a controller is refused, and why")
  func refused() throws {
    let authority = try Authority()
    let good = try authority.processor("good")
    #expect(refusal(good) == nil)
    #expect(refusal(good, days: 21)?.contains("is valid from") == true)
    #expect(refusal(good, days: -1)?.contains("is valid from") == true)
    try authority.key("other", "ec")
    let mixed = ProcessorCertificate.Files(certificate: good.certificate, key: authority.path("other.key"))
    #expect(refusal(mixed)?.contains("is not that of the certificate") == true)
    let stray = try authority.chain("good", ["good", "root"])
    #expect(refusal(stray)?.contains("do not follow one another") == true)
    let own = ProcessorCertificate.Files(
      certificate: authority.path("root.pem"), key: authority.path("root.key"))
    #expect(refusal(own)?.contains("self-signed") == true)
    #expect(refusal(try authority.processor("edwards", "ed25519"))?.contains("neither RSA nor ECDSA") == true)
    let swapped = ProcessorCertificate.Files(certificate: good.key, key: good.key)
    #expect(refusal(swapped)?.contains("is not a chain of certificates") == true)
    let missing = ProcessorCertificate.Files(certificate: authority.path("none.pem"), key: good.key)
    #expect(refusal(missing)?.contains("cannot be read") == true)
    let again = try authority.chain("good", ["good", "middle"])
    let link = authority.path("link.key")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: again.key)
    let linked = ProcessorCertificate.Files(certificate: again.certificate, key: link)
    #expect(refusal(linked) == nil)
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: again.key)
    #expect(refusal(again)?.contains("chmod 600") == true)
    #expect(refusal(linked)?.contains("chmod 600") == true)
  }

  @Test(
    "Controllers are sent to the domain itself, and to its own addresses only",
    arguments: [
      ("", "https://example.org"), ("https://example.org", "https://example.org"),
      ("https://example.org/chat", "https://example.org/chat"),
      ("https://example.org:8443", "https://example.org:8443"),
      ("https://example.org.example.net", "https://example.org"),
      ("http://example.org", "https://example.org"),
    ])
  func address(base: String, root: String) {
    let settings = OpenDSRSettings(domain: "example.org", baseURL: base)
    #expect(settings.certificateURL == root + "/v2/certificate")
  }

  @Test(
    "Replies of both versions are signed by it, and it is served to everybody; while it is unusable nothing is said"
  )
  func served() async throws {
    let authority = try Authority()
    let files = try authority.processor("own", days: 5)
    let chain = try String(contentsOfFile: files.certificate, encoding: .utf8)
    let remark = "renewed by ann@example.org\n"
    try (remark + chain + remark).write(toFile: files.certificate, atomically: true, encoding: .utf8)
    let house = try await ServedHouse.open(
      "opendsr: {domain: \(Self.domain), certificate_file: \(files.certificate), key_file: \(files.key)}\n")
    let dpo = try house.token([.dpo], as: "controller")
    let pem = try await house.ask("GET", "/v2/certificate")
    #expect(pem.status == 200 && pem.text == chain)
    for (root, requests, version, header) in [
      ("/v2", "requests", "2.0", "X-OpenDSR-Signature"),
      ("/v1", "opengdpr_requests", "1.0", "X-OpenGDPR-Signature"),
    ] {
      let discovery = try await house.ask("GET", root + "/discovery", token: dpo)
      #expect(discovery.json["processor_certificate"] as? String == "https://\(Self.domain)/v2/certificate")
      #expect(discovery.json["api_version"] as? String == version)
      let id = UUID().uuidString.lowercased()
      let made = try await house.ask(
        "POST", "\(root)/\(requests)", token: dpo,
        json:
          #"{"subject_request_id":"\#(id)","subject_request_type":"access","submitted_time":"2026-11-01T10:00:00Z","#
          + #""api_version":"\#(version)","subject_identities":[{"identity_type":"controller_customer_id","#
          + #""identity_value":"nobody","identity_format":"raw"}],"#
          // Refused as private as soon as it is called.
          + #""status_callback_urls":["https://127.0.0.1/called"]}"#)
      #expect(made.status == 201, "\(made.text)")
      let status = try await house.ask("GET", "\(root)/\(requests)/\(id)", token: dpo)
      #expect(status.json["api_version"] as? String == version, "\(status.text)")
      for answer in [discovery, made, status] {
        let signature = try #require(answer.header(header).flatMap { [UInt8](base64: $0) })
        #expect(try authority.confirms(signature, of: Array(answer.body), by: pem.text))
      }
    }
    #expect(try await house.application.problems().contains { $0.code == "certificate_ends_soon" })
    try "nothing".write(toFile: files.certificate, atomically: true, encoding: .utf8)
    let unsigned = try await house.ask("GET", "/v2/discovery", token: dpo)
    #expect(unsigned.status == 503 && unsigned.code == "certificate_unusable")
    #expect(!unsigned.text.contains(files.certificate))
    #expect(try await house.application.problems().contains { $0.code == "certificate_unusable" })
    #expect(try await attempts(house) == 0)
    try chain.write(toFile: files.certificate, atomically: true, encoding: .utf8)
    #expect(try await attempts(house) > 0)
  }

  /// Of callbacks that were not given up, counted from now on: all are due.
  private func attempts(_ house: ServedHouse) async throws -> Int64 {
    let database = house.application.database
    let due = try await database.transaction { tx in
      try tx.execute(
        "UPDATE subject_request_callback SET attempts = 0, next_at = now() - interval '1 minute' WHERE ended IS NULL"
      ).affected
    }
    #expect(due > 0)
    try await house.application.sendCallbacks()
    return try await database.read { tx in
      try tx.execute(
        "SELECT sum(attempts)::bigint FROM subject_request_callback WHERE ended IS NULL"
      ).int64(0, 0)
    }
  }
}
