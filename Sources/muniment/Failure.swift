import ArgumentParser
import AuditLog
import Catalog
import Erasure
import Exporting
import Foundation
import Ingestion
import JobQueue
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
    case let error as LeaseLost:
      self.init("lease_lost", error.description, "run it again", .tryAgainLater)
    case let error as IndexLeaseLost:
      self.init("lease_lost", error.description, "try again later", .tryAgainLater)
    case let error as SourceError:
      self.init(
        error.code.rawValue, error.description, "check the path, and that the file is whole",
        error.code == .notFound ? .usage : .failed)
    case let error as InvalidMapping:
      self.init("bad_mapping", error.description, "see Schemas/mappings for the form and examples", .usage)
    case let error as TokenKeyError:
      self.init("bad_token_key", error.description, "name the file that `ingest --token-key` made", .usage)
    case let error as SearchError:
      self.init(
        error.code.rawValue, error.description, "check ids and query",
        [.badQuery, .badCursor].contains(error.code) ? .usage : .failed)
    case let error as QueryError:
      self.init("bad_query", error.description, "see `muniment search --help` for the query language", .usage)
      place = error.position..<(error.position + error.length)
    case let error as SearchIndexError:
      self.init(
        "index_\(error.code.rawValue)", error.description, error.nextStep ?? "muniment index check",
        error.isRetryable
          ? .tryAgainLater : error.code == .badQuery ? .usage : .failed)
    case let error as SegmentStoreError:
      self.init(
        "object_store_\(error.code.rawValue)", error.description, "muniment status",
        error.isRetryable ? .tryAgainLater : error.code == .locked ? .refused : .failed)
    case let error as TieringError: self.init(tiering: error)
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

  private init(tiering error: TieringError) {
    let (status, nextStep): (ExitStatus, String) =
      switch error.code {
      case .verificationFailed: (.verificationFailed, "muniment archive verify")
      case .hotChanged: (.tryAgainLater, "run it again")
      case .unknownSegment: (.failed, "muniment archive list")
      case .keyMissing: (.failed, "muniment erase list; then run it again")
      case .noReplica: (.failed, "set archive.replica, then muniment archive replicate")
      case .catalogueOlder: (.refused, "muniment archive verify; then muniment archive accept-catalogue")
      case .keysRestored: (.refused, "muniment erase replay")
      }
    self.init(error.code.rawValue, error.description, nextStep, status)
  }

  private init(export error: ExportError) {
    let (status, nextStep): (ExitStatus, String) =
      switch error.code {
      case .badSelection: (.usage, "muniment export --help")
      case .unknownSubject, .unknownConversation, .unknownHold: (.failed, "check the id and --tenant")
      case .tooMany: (.failed, "narrow the selection, by --from and --to for instance")
      case .held: (.refused, "muniment hold list")
      case .beyondReach: (.refused, "muniment export show ID, on the server whose home it is in")
      case .quota: (.refused, "muniment export list, and muniment export delete ID")
      case .pathExists: (.failed, "choose an --output where nothing is")
      case .destination: (.failed, "check the path, its permissions and the room there")
      case .notAPackage: (.failed, "check the path")
      case .busy: (.tryAgainLater, "muniment export list")
      case .withdrawn, .cancelled, .interrupted, .wrongState, .draftDamaged, .unknownExport, .unknownLink:
        (.failed, "muniment export list")
      }
    self.init(
      error.code.rawValue, error.description, nextStep, error.isRetryable ? .tryAgainLater : status)
  }

  private init(retention error: RetentionError) {
    let (status, nextStep): (ExitStatus, String) =
      switch error.code {
      case .invalidDocument: (.usage, "correct the policy file")
      case .lockedPolicy: (.refused, "muniment retention list")
      case .unknownConversation, .unknownSubject, .unknownMessage, .erasedSubject:
        (.failed, "check the id and --tenant")
      case .invalidLabel: (.usage, "muniment retention label apply --help")
      case .invalidEvent: (.usage, "muniment retention event record --help")
      case .unknownHold, .alreadyReleased: (.failed, "muniment hold list")
      case .invalidHold: (.usage, "muniment hold place --help")
      case .unknownReview, .reviewDone: (.failed, "muniment retention review list")
      case .invalidReview: (.usage, "muniment retention review decide --help")
      case .samePerson: (.refused, "let somebody else approve it")
      case .unknownPolicies, .policiesDecided: (.failed, "muniment retention list")
      case .policiesBusy: (.tryAgainLater, "muniment retention list, then set them again")
      case .invalidApproval: (.usage, "muniment retention reject --help")
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
