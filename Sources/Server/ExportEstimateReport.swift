package import Exporting

/// What `export create --dry-run` and `POST /v1/exports/estimate` say.
package struct ExportEstimateReport: Encodable {
  struct Custodian: Encodable {
    let subject: String?
    let messages: Int
  }
  let conversations: Int
  let messages: Int
  let sealed: Int
  let restricted: Int
  let custodians: [Custodian]
  let hits: Int?
  let complete: Bool?
  /// As the messages are stored: an estimate, and less than the package will have.
  let storedBytesEstimate: Int64

  package init(
    _ estimate: ExportEstimate, _ custodians: [ExportEstimate.Custodian], _ query: ExportQuery?,
    _ storage: ExportEstimate.Storage
  ) {
    storedBytesEstimate = storage.bytes
    conversations = estimate.conversations.count
    messages = estimate.messages
    sealed = estimate.sealed
    restricted = estimate.restricted
    self.custodians = custodians.map { Custodian(subject: $0.id, messages: $0.messages) }
    hits = query?.hits
    complete = query?.complete
  }

  private enum CodingKeys: String, CodingKey {
    case conversations, messages, sealed, restricted, custodians, hits, complete
    case storedBytesEstimate = "stored_bytes_estimate"
  }

  package var text: String {
    let found = hits.map { ", \($0) of them hits" } ?? ""
    let head = """
      would export \(messages) messages of \(conversations) conversations\(found); \(sealed) sealed, \
      \(restricted) kept for a hold only; about \(storedBytesEstimate) bytes as they are stored, sealed and \
      compressed: the package is bigger
      """
    let rows = custodians.map { "  \($0.messages)  \($0.subject ?? "(erased)")" }
    let doubt =
      complete == false ? ["the index cannot answer for all of it: see the coverage of `search`"] : []
    return ([head] + rows + doubt).joined(separator: "\n")
  }
}
