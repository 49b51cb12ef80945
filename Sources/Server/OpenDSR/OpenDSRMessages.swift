import Catalog
import Foundation
import Model

/// `POST /v2/requests`, read leniently where the standard's own examples are.
struct OpenDSRRequest: Decodable {
  struct Identity: Decodable {
    let identity_type: String
    let identity_value: String
    let identity_format: String
  }
  struct Extension: Decodable {
    let reason: String?
  }

  let regulation: String?
  let subject_request_id: String
  let subject_request_type: String
  let subject_identities: [Identity]
  let submitted_time: String
  let api_version: String?
  let status_callback_urls: [String]?
  let extensions: [String: Extension]?

  static let identityType = "controller_customer_id"
  private static let identitiesMax = 20
  private static let urlsMax = 10

  /// The kind of request and the people it is about, as the platform knows them.
  func checked(_ settings: OpenDSRSettings) throws -> (kind: SubjectRequestRow.Kind, subjects: [String]) {
    guard Self.isID(subject_request_id) else {
      throw Problem.openDSR("subject_request_id", "takes a lower-case UUID of version 4")
    }
    guard let kind = SubjectRequestRow.Kind(rawValue: subject_request_type) else {
      throw Problem.openDSR("subject_request_type", "takes erasure, access or portability")
    }
    guard regulation.map({ ["gdpr", "ccpa"].contains($0) }) ?? true else {
      throw Problem.openDSR("regulation", "takes gdpr or ccpa")
    }
    guard api_version.map({ ["1", "2"].contains($0.prefix { $0 != "." }) }) ?? true else {
      throw Problem.openDSR("api_version", "takes 2.0 or 1.0")
    }
    guard Timestamp(rfc3339: submitted_time) != nil else {
      throw Problem.openDSR("submitted_time", "takes an RFC 3339 time")
    }
    if let other = extensions?.keys.first(where: { $0 != settings.domain }) {
      throw Problem.openDSR(
        "extensions", "takes \(settings.domain) as its key, not \(other.prefix(64))")
    }
    try check(urls: status_callback_urls ?? [], settings)
    return (kind, try subjects())
  }

  private func subjects() throws -> [String] {
    let known = subject_identities.filter {
      $0.identity_type == Self.identityType && $0.identity_format == "raw"
    }
    guard !known.isEmpty, subject_identities.count <= Self.identitiesMax,
      known.allSatisfy({ (1...128).contains($0.identity_value.utf8.count) })
    else {
      throw Problem.openDSR(
        "subject_identities",
        "takes 1 to \(Self.identitiesMax), among them one of type \(Self.identityType) and format raw, "
          + "with 1 to 128 bytes")
    }
    return Set(known.map(\.identity_value)).sorted()
  }

  private func check(urls: [String], _ settings: OpenDSRSettings) throws {
    let schemes = settings.allowsPrivateAddresses ? ["https", "http"] : ["https"]
    guard urls.count <= Self.urlsMax,
      urls.allSatisfy({ text in
        guard text.utf8.count <= 2_048, let url = URLComponents(string: text) else { return false }
        return schemes.contains(url.scheme ?? "") && url.host?.isEmpty == false && url.user == nil
      })
    else {
      throw Problem.openDSR(
        "status_callback_urls", "takes up to \(Self.urlsMax) https URLs without a user name")
    }
  }

  static func isID(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count == 36 else { return false }
    return bytes.indices.allSatisfy { index in
      switch index {
      case 8, 13, 18, 23: bytes[index] == 0x2D
      case 14: bytes[index] == 0x34
      case 19: [0x38, 0x39, 0x61, 0x62].contains(bytes[index])
      default: (0x30...0x39).contains(bytes[index]) || (0x61...0x66).contains(bytes[index])
      }
    }
  }
}

/// What a controller is told, in replies and callbacks: nothing of it names a person.
struct OpenDSRStatus: Encodable {
  /// Of the standard.
  var version = "2.0"
  var controllerID: String
  var requestID: String
  var expected: String
  var state: SubjectRequestRow.State
  /// Of a callback.
  var callbackURL: String?
  var resultsURL: String?
  var resultsCount: Int?
  var extensions: [String: OpenDSROutcome]

  enum CodingKeys: String, CodingKey {
    case api_version, controller_id, expected_completion_time, subject_request_id, request_status
    case status_callback_url, results_url, results_count, extensions
  }

  func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(version, forKey: .api_version)
    try values.encode(controllerID, forKey: .controller_id)
    try values.encode(expected, forKey: .expected_completion_time)
    try values.encode(requestID, forKey: .subject_request_id)
    try values.encode(state, forKey: .request_status)
    try values.encodeIfPresent(callbackURL, forKey: .status_callback_url)
    try values.encodeIfPresent(resultsURL, forKey: .results_url)
    try values.encodeIfPresent(resultsCount, forKey: .results_count)
    try values.encode(extensions, forKey: .extensions)
  }
}

/// Our extension object: what the standard has no word for.
struct OpenDSROutcome: Encodable {
  struct Kept: Encodable, Hashable {
    let what: String
    let until: String
    let ground: String
  }
  var outcome: SubjectRequestRow.Outcome?
  /// Why something stays for now; of replies to the controller's own questions only.
  var kept: [Kept]?
  var erasures: [String]?
  var exports: [String]?
  var certificateURLs: [String]?
  /// What was done, by store, of each erasure.
  var stores: [AnyJSON]?

  enum CodingKeys: String, CodingKey {
    case outcome, kept, erasures, exports, stores
    case certificateURLs = "certificate_urls"
  }
}

extension Problem {
  /// An error as OpenDSR words it, within the problem document.
  static func openDSR(_ field: String, _ detail: String) -> Problem {
    var problem = Problem.badRequest("\(field) \(detail)")
    problem.openDSRField = field
    return problem
  }
}
