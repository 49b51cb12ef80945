import AuditLog
import Catalog
import Erasure
import Exporting
import Foundation
import Hummingbird
import KeyVault
import Postgres
import Retention
import Search
import SearchIndex
import SearchTokens

/// An error as clients see it: an RFC 9457 problem document with a stable `code`.
package struct Problem: Error, Sendable {
  package var status: Int
  package var code: String
  package var detail: String
  /// For 429 and 503.
  var retryAfterSeconds: Int?
  /// Holds in the way, for those who may know them.
  var holds: [String]?
  /// Of a query that cannot be read: the first character in question, from 0, and how many they are.
  var place: Range<Int>?
  /// Of a body that cannot be read: a JSON pointer.
  var path: String?
  /// Of a request of OpenDSR: what in it cannot be taken.
  var openDSRField: String?
  /// Told to a client without credentials.
  var challenges = false

  package init(_ status: Int, _ code: String, _ detail: String) {
    self.status = status
    self.code = code
    self.detail = detail
  }

  static let notFound = Problem(404, "not_found", "there is nothing here, or it is not yours to see")
  static func badRequest(_ detail: String) -> Problem { Problem(400, "bad_request", detail) }
  static func unsupported(_ detail: String) -> Problem { Problem(400, "unsupported", detail) }

  static func tooLarge(_ bytesMax: Int) -> Problem {
    Problem(413, "body_too_large", "the body is larger than \(bytesMax) bytes")
  }

  static func unauthorized(_ detail: String) -> Problem {
    var problem = Problem(401, "unauthorized", detail)
    problem.challenges = true
    return problem
  }

  static func busy(_ code: String, _ detail: String, retryAfterSeconds: Int = 1) -> Problem {
    var problem = Problem(503, code, detail)
    problem.retryAfterSeconds = retryAfterSeconds
    return problem
  }

  /// What an error of a flow is to a client; `principal` decides what may be told.
  init(_ error: any Error, for principal: Principal?) {
    switch error {
    case let problem as Problem: self = problem
    case let error as PostgresError:
      self =
        error.isRetryable
        ? .busy("database_unavailable", "the database cannot be reached right now")
        : Problem(500, "database_error", "the database refused; the server's log has the kind of failure")
    case let error as SearchError:
      switch error.code {
      case .unknownConversation, .unknownMessage, .unknownMember, .unknownSaved:
        self.init(404, error.code.rawValue, error.description)
      case .badQuery, .badCursor, .unsupported: self.init(400, error.code.rawValue, error.description)
      case .tooMany: self.init(409, error.code.rawValue, error.description)
      }
    case let error as QueryError:
      self.init(400, "bad_query", error.description)
      place = error.position..<(error.position + error.length)
    case let error as SearchIndexError: self = .index(error)
    case let error as RetentionError: self = .retention(error)
    case let error as ErasureError: self = .erasure(error)
    case let error as ExportError: self = .export(error)
    case let error as AuditError:
      let status = error.code == .outOfRange ? 404 : error.code == .notAuthentic ? 400 : 500
      self.init(status, "audit_\(error.code.rawValue)", error.description)
    case let error as CatalogError where error.code == .unknownTenant:
      self.init(403, "unknown_tenant", "the access token names no tenant of this server")
    case let error as CatalogError: self.init(500, error.code.rawValue, error.description)
    case is ProcessorCertificate.Refusal:
      self = .busy(
        "certificate_unusable", "the reply cannot be signed; `muniment status` tells the operator why",
        retryAfterSeconds: 60)
    case let error as KeyVaultError: self.init(500, "key_vault", error.code.rawValue)
    case is DecodingError: self = .badRequest("the body is not the JSON that is expected here")
    case is CancellationError: self = .busy("shutting_down", "the server is stopping")
    case let error as any HTTPResponseError:
      self =
        error.status.code == 404
        ? Problem(404, "not_found", "there is no such path; Schemas/openapi lists those there are")
        : Problem(error.status.code, "http_error", "the request cannot be answered as it was put")
    default:
      self.init(
        500, "internal_error", "something failed that should not; the server's log has the kind of it")
    }
  }

  private static func index(_ error: SearchIndexError) -> Problem {
    switch error.code {
    case .badQuery, .badTerm: Problem(400, "bad_query", error.description)
    case .deadline, .busy, .locked, .closed: .busy("index_busy", error.description)
    // Who came by it has noted it, and the follower of the feed rebuilds the group from there.
    case .damaged:
      .busy(
        "index_damaged", "a part of the search index is damaged, and is repaired by itself; ask again later",
        retryAfterSeconds: 60)
    default: Problem(500, "index_error", error.description)
    }
  }

  private static func retention(_ error: RetentionError) -> Problem {
    let status =
      switch error.code {
      case .invalidDocument, .invalidHold, .invalidReview, .invalidLabel, .invalidEvent, .invalidApproval: 400
      case .samePerson: 403
      case .unknownConversation, .unknownSubject, .unknownMessage, .unknownHold, .unknownReview,
        .unknownPolicies:
        404
      case .lockedPolicy, .erasedSubject, .alreadyReleased, .reviewDone, .policiesDecided, .policiesBusy: 409
      case .damagedPolicies: 500
      }
    return Problem(status, error.code.rawValue, error.description)
  }

  private static func erasure(_ error: ErasureError) -> Problem {
    switch error.code {
    case .badTarget: return Problem(400, error.code.rawValue, error.description)
    case .unknownErasure, .unknownTarget: return Problem(404, error.code.rawValue, error.description)
    case .samePerson: return Problem(403, error.code.rawValue, error.description)
    case .wrongState, .notCompleted, .residue: return Problem(409, error.code.rawValue, error.description)
    case .busy: return .busy("erasure_busy", error.description)
    case .ledger: return Problem(500, error.code.rawValue, error.description)
    }
  }

  private static func export(_ error: ExportError) -> Problem {
    switch error.code {
    case .unknownSubject, .unknownConversation, .unknownHold, .unknownExport, .unknownLink:
      return Problem(404, error.code.rawValue, error.description)
    case .held, .beyondReach, .wrongState, .cancelled, .interrupted:
      return Problem(409, error.code.rawValue, error.description)
    case .quota:
      // Room comes when somebody deletes a package, or one expires.
      var problem = Problem(429, "export_quota", error.description)
      problem.retryAfterSeconds = 3_600
      return problem
    case .busy:
      var problem = Problem(429, "exports_busy", error.description)
      problem.retryAfterSeconds = 60
      return problem
    case .draftDamaged: return Problem(500, error.code.rawValue, error.description)
    case .withdrawn: return Problem(409, error.code.rawValue, error.description)
    case .badSelection, .tooMany: return Problem(422, error.code.rawValue, error.description)
    case .pathExists, .destination, .notAPackage:
      return Problem(500, error.code.rawValue, "the package could not be written or read on the server")
    }
  }
}

extension Problem {
  private struct Document: Encodable {
    let type: String
    let title: String
    let status: Int
    let code: String
    let detail: String
    let instance: String
    let holds: [String]?
    let position: Int?
    let length: Int?
    let path: String?
    let error: OpenDSRError?
  }

  /// What OpenDSR's clients look for in an error, beside RFC 9457's members.
  private struct OpenDSRError: Encodable {
    struct Item: Encodable {
      let domain: String
      let reason: String
      let message: String
    }
    let code: Int
    let message: String
    let errors: [Item]
  }

  /// RFC 9110 §15 and RFC 6585; a status made from a number has no phrase.
  private static let titles = [
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    406: "Not Acceptable", 408: "Request Timeout", 409: "Conflict", 410: "Gone", 412: "Precondition Failed",
    413: "Content Too Large", 415: "Unsupported Media Type", 416: "Range Not Satisfiable",
    422: "Unprocessable Content", 429: "Too Many Requests", 500: "Internal Server Error",
    501: "Not Implemented", 503: "Service Unavailable",
  ]

  func response(instance: String) -> Response {
    let title = Self.titles[status] ?? "Error"
    let status = HTTPResponse.Status(code: status, reasonPhrase: title)
    let document = Document(
      type: "urn:muniment:problem:\(code)", title: title, status: status.code, code: code,
      detail: detail, instance: instance, holds: holds, position: place?.lowerBound, length: place?.count,
      path: path,
      error: openDSRField.map {
        OpenDSRError(
          code: self.status, message: detail, errors: [.init(domain: $0, reason: code, message: detail)])
      })
    var response = Reply.json(document, status: status)
    response.headers[.contentType] = "application/problem+json"
    if let retryAfterSeconds { response.headers[.retryAfter] = String(retryAfterSeconds) }
    if challenges { response.headers[.wwwAuthenticate] = "Bearer realm=\"muniment\"" }
    return response
  }
}
