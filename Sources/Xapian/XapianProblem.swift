import CXapian

/// A kind of damage, how often it was met, and where first.
package struct XapianProblem: Hashable, Sendable {
  package enum Kind: UInt32, Sendable {
    /// The terms of documents and the documents of terms do not agree.
    case structure = 1
    /// A sidecar record, or its header, fails its checksum.
    case recordBroken
    /// A document without a live record: no search can find it.
    case recordMissing
    /// A record that names another conversation or sender than its document.
    case recordOfAnother
    /// A live record without its document.
    case documentMissing
    /// No readable position inside the database.
    case positionMissing
  }

  package let kind: Kind
  package let count: Int
  /// The sequence of the first one, where it has one.
  package let first: Int64?

  /// Reads the whole database in `directory` and its sidecar. A commit while it reads can look like damage:
  /// compare revisions before and after.
  ///
  /// - Throws: `.damaged` and others when it cannot even be opened.
  package static func check(_ directory: String, isHot: Bool) throws(XapianError) -> [XapianProblem] {
    var problems = [cx_problem](repeating: cx_problem(), count: Int(CX_PROBLEM_KINDS_MAX))
    var count = 0
    try unsafe XapianError.check { unsafe cx_check(directory, isHot, &problems, &count, $0) }
    return problems.prefix(count).map { problem in
      XapianProblem(
        kind: Kind(rawValue: problem.kind)!, count: Int(problem.count),
        first: problem.first == 0 ? nil : problem.first)
    }
  }
}
