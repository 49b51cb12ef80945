import Catalog
import Foundation
import History
import Hummingbird
import Model
import Sodium

/// OpenDSR 2.0 (https://github.com/opengdpr/opendsr): what controllers ask a processor in the name of their users.
enum OpenDSRRoutes {
  static let all = [
    Route.get("/v2/discovery", [.dpo], discovery),
    Route.post("/v2/requests", [.dpo], create),
    Route.get("/v2/requests/:id", [.dpo], status),
    // The standard's list of endpoints calls it so, its examples the other.
    Route.get("/v2/status/:id", [.dpo], status),
    Route(.delete, "/v2/requests/:id", [.dpo], cancel),
  ]

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
      let public_key: String
      let signs: String
      let note: String
    }
    struct Extension: Encodable {
      let signature: Signature
      let outcomes: [String]
    }
    let api_version = "2.0"
    let supported_identities = [
      Identity(identity_type: OpenDSRRequest.identityType, identity_format: "raw")
    ]
    let supported_subject_request_types = SubjectRequestRow.Kind.allCases.map(\.rawValue)
    let extensions: [String: Extension]

    enum CodingKeys: String, CodingKey {
      case api_version, supported_identities, supported_subject_request_types, extensions
    }
  }

  @Sendable private static func discovery(_ call: Call) async throws -> Response {
    let service = try await service(call)
    let signature = Discovery.Signature(
      algorithm: "Ed25519", public_key: service.signer.publicKey,
      signs: "the SHA-256 of the body as it is sent",
      note:
        "there is no processor_certificate: replies are signed by a key of this tenant's own, which no public "
        + "authority has certified; compare it with one that was handed over otherwise")
    let outcomes = ["complete", "partial", "restricted", "denied", "nothing_held"]
    return signed(
      Discovery(
        extensions: [
          service.settings.domain: Discovery.Extension(signature: signature, outcomes: outcomes)
        ]), service)
  }

  private struct Receipt: Encodable {
    let controller_id: String
    let expected_completion_time: String
    let received_time: String
    /// The whole request: the controller must neither log nor store it.
    let encoded_request: String
    let subject_request_id: String
  }

  @Sendable private static func create(_ call: Call) async throws -> Response {
    let body = try await call.body()
    let request: OpenDSRRequest
    do {
      request = try call.decoded(OpenDSRRequest.self, from: body)
    } catch is DecodingError {
      throw Problem.openDSR("body", "is not a request of OpenDSR 2.0: a field is missing or of another type")
    }
    let service = try await service(call)
    let row = try await service.receive(body, request, actor: call.principal.subject)
    return signed(
      Receipt(
        controller_id: service.directory.tenant.name, expected_completion_time: row.expectedAt.rfc3339,
        received_time: row.receivedAt.rfc3339, encoded_request: body.base64(), subject_request_id: row.id),
      service, status: .created)
  }

  @Sendable private static func status(_ call: Call) async throws -> Response {
    let service = try await service(call)
    let row = try await service.refresh(try await service.find(try id(call)))
    return signed(try await service.status(row), service)
  }

  private struct Cancellation: Encodable {
    let api_version = "2.0"
    let controller_id: String
    let received_time: String
    let subject_request_id: String

    enum CodingKeys: String, CodingKey { case api_version, controller_id, received_time, subject_request_id }
  }

  @Sendable private static func cancel(_ call: Call) async throws -> Response {
    let service = try await service(call)
    let row = try await service.cancel(try id(call), actor: call.principal.subject)
    return signed(
      Cancellation(
        controller_id: service.directory.tenant.name, received_time: call.services.now().rfc3339,
        subject_request_id: row.id), service, status: .accepted)
  }

  private static func id(_ call: Call) throws -> String {
    let id = try call.parameter("id")
    guard OpenDSRRequest.isID(id) else {
      throw Problem.openDSR("subject_request_id", "takes a lower-case UUID of version 4")
    }
    return id
  }

  private static func signed(
    _ value: some Encodable, _ service: SubjectRequestService, status: HTTPResponse.Status = .ok
  ) -> Response {
    let bytes = Reply.bytes(of: value)
    var response = Reply.bytes_(bytes, type: "application/json", status: status)
    for header in service.signer.headers(bytes) {
      if let name = HTTPFields.Element.Name(header.name) { response.headers[name] = header.value }
    }
    return response
  }
}
