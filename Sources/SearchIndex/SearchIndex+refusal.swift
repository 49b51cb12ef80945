import Xapian

extension SearchIndex {
  /// Why the index would not take the operation; `nil`: it would.
  package static func refusal(of operation: IndexOperation) -> SearchIndexError? {
    do throws(SearchIndexError) {
      _ = try XapianBatch([operation], group: 0)
      return nil
    } catch {
      return error
    }
  }
}

extension IndexOperation {
  package var sequence: Int64 {
    switch self {
    case .put(let document): document.sequence
    case .delete(let sequence): sequence
    }
  }
}
