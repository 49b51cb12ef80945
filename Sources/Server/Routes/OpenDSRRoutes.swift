import Catalog
import Foundation
import History
import Hummingbird
import Model
import Sodium

/// OpenDSR 2.0 (https://github.com/opengdpr/opendsr): what controllers ask a processor in the name of their users. Its
/// version 1, OpenGDPR, is the same under other names.
enum OpenDSRRoutes {
  static let all =
    routes("/v2", "requests", version: "2.0") + routes("/v1", "opengdpr_requests", version: "1.0") + [
      // The standard's list of endpoints calls it so, its examples the other.
      Route.get("/v2/status/:id", [.dpo]) { try await status($0, version: "2.0") },
      Route(.get, "/v2/certificate", nil, certificate),
    ]

  private static func routes(_ root: String, _ requests: String, version: String) -> [Route] {
    [
      Route.get("\(root)/discovery", [.dpo]) { try await discovery($0, version: version) },
      Route.post("\(root)/\(requests)", [.dpo]) { try await create($0) },
      Route.get("\(root)/\(requests)/:id", [.dpo]) { try await status($0, version: version) },
      Route(.delete, "\(root)/\(requests)/:id", [.dpo]) { try await cancel($0, version: version) },
    ]
  }

  private static func service(_ call: Call) async throws -> SubjectRequestService {
    call.services.flows.subjectRequests(try await call.directory())
  }

  private struct Discovery: Encodable {
    struct Identity: Encodable {
      let identity_type: String
      let identity_format: String
    }
    struct Signature: Encodable {
      let algorithm: String
      let public_key: String?
      let signs: String
      let note: String?
    }
    struct Extension: Encodable {
      let signature: Signature
      let outcomes: [String]
    }
    let api_version: String
    let supported_identities = [
      Identity(identity_type: OpenDSRRequest.identityType, identity_format: "raw")
    ]
    let supported_subject_request_types = SubjectRequestRow.Kind.allCases.map(\.rawValue)
    let processor_certificate: String?
    let extensions: [String: Extension]

    enum CodingKeys: String, CodingKey {
      case api_version, supported_identities, supported_subject_request_types, processor_certificate,
        extensions
    }
  }

  private static func discovery(_ call: Call, version: String) async throws -> Response {
    let service = try await service(call)
    let signer = try service.signer
    let note =
      "there is no processor_certificate: replies are signed by a key of this tenant's own, which no public authority "
      + "has certified; compare it with one that was handed over otherwise"
    let signature = Discovery.Signature(
      algorithm: signer.algorithm, public_key: signer.publicKey,
      signs: "the SHA-256 of the body as it is sent",
      note: signer.isCertified ? nil : note)
    let outcomes = ["complete", "partial", "restricted", "denied", "nothing_held"]
    return try signed(
      Discovery(
        api_version: version,
        processor_certificate: signer.isCertified ? service.settings.certificateURL : nil,
        extensions: [
          service.settings.domain: Discovery.Extension(signature: signature, outcomes: outcomes)
        ]), signer)
  }

  /// Not a tenant's: the whole installation has one.
  @Sendable private static func certificate(_ call: Call) async throws -> Response {
    guard let certificate = try call.services.openDSR.processorCertificate(at: call.services.now()) else {
      throw Problem(404, "no_certificate", "replies are signed by a key that no authority has certified")
    }
    return Reply.bytes_(Array(certificate.pem.utf8), type: "application/pem-certificate-chain")
  }

  private struct Receipt: Encodable {
    let controller_id: String
    let expected_completion_time: String
    let received_time: String
    /// The whole request: the controller must neither log nor store it.
    let encoded_request: String
    let subject_request_id: String
  }

  private static func create(_ call: Call) async throws -> Response {
    let body = try await call.body()
    let request: OpenDSRRequest
    do {
      request = try call.decoded(OpenDSRRequest.self, from: body)
    } catch is DecodingError {
      throw Problem.openDSR("body", "is not a request of OpenDSR 2.0: a field is missing or of another type")
    }
    let service = try await service(call)
    let signer = try service.signer
    let row = try await service.receive(body, request, actor: call.principal.subject)
    return try signed(
      Receipt(
        controller_id: service.directory.tenant.name, expected_completion_time: row.expectedAt.rfc3339,
        received_time: row.receivedAt.rfc3339, encoded_request: body.base64(), subject_request_id: row.id),
      signer, status: .created)
  }

  private static func status(_ call: Call, version: String) async throws -> Response {
    let service = try await service(call)
    let signer = try service.signer
    let row = try await service.refresh(try await service.find(try id(call)))
    var status = try await service.status(row)
    status.version = version
    return try signed(status, signer)
  }

  private struct Cancellation: Encodable {
    let api_version: String
    let controller_id: String
    let received_time: String
    let subject_request_id: String
  }

  private static func cancel(_ call: Call, version: String) async throws -> Response {
    let service = try await service(call)
    let signer = try service.signer
    let row = try await service.cancel(try id(call), actor: call.principal.subject)
    return try signed(
      Cancellation(
        api_version: version, controller_id: service.directory.tenant.name,
        received_time: call.services.now().rfc3339, subject_request_id: row.id),
      signer, status: .accepted)
  }

  private static func id(_ call: Call) throws -> String {
    let id = try call.parameter("id")
    guard OpenDSRRequest.isID(id) else {
      throw Problem.openDSR("subject_request_id", "takes a lower-case UUID of version 4")
    }
    return id
  }

  private static func signed(
    _ value: some Encodable, _ signer: OpenDSRSigner, status: HTTPResponse.Status = .ok
  ) throws -> Response {
    let bytes = Reply.bytes(of: value)
    var response = Reply.bytes_(bytes, type: "application/json", status: status)
    for header in try signer.headers(bytes) {
      if let name = HTTPFields.Element.Name(header.name) { response.headers[name] = header.value }
    }
    return response
  }
}
