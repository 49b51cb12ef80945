import ArgumentParser
import AuditLog
import Catalog
import Erasure
import Exporting
import Foundation
import KeyVault
import Postgres
import Retention
import Runtime
import Search
import SearchIndex
import SearchTokens
import Segments
import Tiering

/// An error as commands report it: a code, what happened, and what to do next.
struct Failure {
  let code: String
  let detail: String
  let nextStep: String
  let status: ExitStatus
  /// Of a query that cannot be read: the characters in question, from 0. The query itself is not repeated.
  private var place: Range<Int>?

  private init(_ code: String, _ detail: String, _ nextStep: String, _ status: ExitStatus) {
    self.code = code
    self.detail = detail
    self.nextStep = nextStep
    self.status = status
  }

  /// `nil` for what the argument parser reports itself: help, version, usage.
  init?(_ error: any Error) {
    switch error {
    case let error as SettingsError:
      self.init("bad_setting", error.description, "muniment config show --defaults", .failed)
    case let error as PostgresError:
      self.init(
        error.isRetryable ? "database_unavailable" : "database_error", error.description,
        "muniment status", error.isRetryable ? .tryAgainLater : .failed)
    case let error as EmbeddedPostgresError:
      self.init(
        "database_unavailable", error.reason, error.nextStep, error.isRetryable ? .tryAgainLater : .failed)
    case let error as CatalogError:
      self.init(error.code.rawValue, error.description, "muniment status", .failed)
    case let error as KeyVaultError:
      self.init(error.code.rawValue, error.description, "muniment keys status", .failed)
    case let error as LeaseHeld:
      self.init("lease_held", error.description, "try again later", .tryAgainLater)
    case let error as IndexLeaseLost:
      self.init("lease_lost", error.description, "try again later", .tryAgainLater)
    case let error as SearchError:
      self.init(error.code.rawValue, error.description, "check ids and query", .failed)
    case let error as QueryError:
      self.init("bad_query", error.description, "see `muniment search --help` for the query language", .usage)
      place = error.position..<(error.position + error.length)
    case let error as SearchIndexError:
      self.init(
        "index_\(error.code.rawValue)", error.description, error.nextStep ?? "muniment index check",
        error.isRetryable ? .tryAgainLater : .failed)
    case let error as SegmentStoreError:
      self.init(
        "object_store_\(error.code.rawValue)", error.description, "muniment status",
        error.isRetryable ? .tryAgainLater : error.code == .locked ? .refused : .failed)
    case let error as TieringError:
      self.init(
        error.code.rawValue, error.description, "muniment archive verify",
        error.code == .verificationFailed ? .verificationFailed : .failed)
    case let error as ErasureError: self.init(erasure: error)
    case let error as RetentionError: self.init(retention: error)
    case let error as ExportError: self.init(export: error)
    case let error as AuditError:
      self.init(
        "\(error.code)", error.description, "muniment audit verify",
        error.code == .notAuthentic ? .verificationFailed : .failed)
    case let error as CocoaError:
      self.init("file_error", error.localizedDescription, "check the path and its permissions", .failed)
    case is ValidationError, is CleanExit, is ExitCode: return nil
    default:
      if String(reflecting: type(of: error)).hasPrefix("ArgumentParser.") { return nil }
      self.init("failed", "\(error)", "muniment status", .failed)
    }
  }

  private init(export error: ExportError) {
    let status: ExitStatus =
      switch error.code {
      case .held, .beyondReach, .quota: .refused
      case .busy: .tryAgainLater
      default: .failed
      }
    self.init(error.code.rawValue, error.description, "muniment export list", status)
  }

  private init(retention error: RetentionError) {
    let (status, nextStep): (ExitStatus, String) =
      switch error.code {
      case .invalidDocument: (.usage, "correct the policy file")
      case .lockedPolicy: (.refused, "muniment retention list")
      case .unknownConversation, .erasedSubject: (.failed, "check the id and --tenant")
      case .unknownHold, .alreadyReleased: (.failed, "muniment hold list")
      case .invalidHold: (.usage, "muniment hold place --help")
      case .unknownReview, .reviewDone: (.failed, "muniment retention review list")
      case .invalidReview: (.usage, "muniment retention review decide --help")
      case .samePerson: (.refused, "let somebody else approve it")
      case .damagedPolicies: (.failed, "muniment status")
      }
    self.init(error.code.rawValue, error.description, nextStep, status)
  }

  private init(erasure error: ErasureError) {
    let (status, nextStep): (ExitStatus, String) =
      switch error.code {
      case .badTarget: (.usage, "muniment erase request --help")
      case .unknownTarget: (.failed, "check the id and --tenant")
      case .samePerson: (.refused, "let somebody else approve it")
      case .busy: (.tryAgainLater, "muniment erase list")
      case .residue: (.verificationFailed, "muniment erase list")
      case .ledger: (.failed, "see \"Restore\" in the operations guide")
      case .unknownErasure, .wrongState, .notCompleted: (.failed, "muniment erase list")
      }
    self.init(error.code.rawValue, error.description, nextStep, status)
  }

  private struct Body: Encodable {
    let code: String
    let detail: String
    let nextStep: String
    let position: Int?
    let length: Int?

    enum CodingKeys: String, CodingKey {
      case code, detail, position, length
      case nextStep = "next_step"
    }
  }

  func report(json: Bool) {
    let body = Body(
      code: code, detail: detail, nextStep: nextStep, position: place?.lowerBound, length: place?.count)
    if json, let text = try? Output.encoded(["error": body]) {
      print(text)
    } else {
      FileHandle.standardError.write(Data("muniment: \(detail)\nnext step: \(nextStep)\n".utf8))
    }
  }
}
