import CXapian

/// What is done with generations that are written to no more.
package enum XapianSealing {
  /// What to leave out of a sealed generation: documents with any of the terms or sequences.
  package struct Exclusion: Sendable {
    package var terms: [[UInt8]] = []
    package var sequences: [Int64] = []

    package init(terms: [[UInt8]] = [], sequences: [Int64] = []) {
      self.terms = terms
      self.sequences = sequences
    }

    package var isEmpty: Bool { terms.isEmpty && sequences.isEmpty }

    fileprivate var names: [UInt8] { terms.flatMap { [UInt8($0.count)] + $0 } }
  }

  /// Makes the hot generation in `directory` one that is written to no more.
  package static func freeze(_ directory: String) throws(XapianError) {
    try unsafe XapianError.check { unsafe cx_freeze(directory, $0) }
  }

  /// Writes what is live in the sources at a feed position as one sealed generation into the existing, empty
  /// `target`. `scratch` is another such directory, to be removed afterwards. Blocks for a while: about 20,000
  /// documents a second.
  ///
  /// - Returns: how many live documents were left out.
  /// - Throws: `.deadline` if it was stopped; what is in `target` and `scratch` is then of no use.
  package static func seal(
    _ sources: [String], scratch: String, into target: String, position: Int64,
    without exclusion: Exclusion = Exclusion(), stop: XapianStop = XapianStop()
  ) throws(XapianError) -> Int {
    guard exclusion.terms.allSatisfy(XapianLimits.isStorable) else { throw XapianError(.badTerm) }
    let names = exclusion.names
    var dropped: UInt64 = 0
    try unsafe XapianError.check { error in
      unsafe withPaths(sources) { paths in
        unsafe cx_seal(
          paths, sources.count, scratch, target, position, names, names.count, exclusion.sequences,
          exclusion.sequences.count, stop.handle, &dropped, error)
      }
    }
    return Int(dropped)
  }

  /// Brings over to `target` what left its sources since the position it was sealed at.
  package static func carry(_ sources: [String], into target: String, since position: Int64)
    throws(XapianError)
  {
    try unsafe XapianError.check { error in
      unsafe withPaths(sources) { paths in unsafe cx_carry(paths, sources.count, target, position, error) }
    }
  }

  /// Whether the generation holds anything of the exclusion, deleted or not.
  package static func concerns(_ directory: String, _ exclusion: Exclusion) throws(XapianError) -> Bool {
    let names = exclusion.names
    var isConcerned = false
    try unsafe XapianError.check {
      unsafe cx_concerns(
        directory, names, names.count, exclusion.sequences, exclusion.sequences.count, &isConcerned, $0)
    }
    return isConcerned
  }
}

/// Lets another thread end a sealing.
@safe
package final class XapianStop: Sendable {
  // Set once, freed in `deinit`; the shim's flag is atomic.
  nonisolated(unsafe) let handle: OpaquePointer

  package init() { unsafe handle = cx_stop_create()! }
  deinit { unsafe cx_stop_free(handle) }

  package func set() { unsafe cx_stop_set(handle) }
}

/// Lends C strings for one call.
func withPaths<R>(
  _ paths: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R
) -> R {
  // One buffer with a zero byte behind each, and a pointer to the start of each.
  let bytes = paths.flatMap { $0.utf8CString }
  var starts: [Int] = []
  var start = 0
  for path in paths {
    starts.append(start)
    start += path.utf8.count + 1
  }
  return unsafe bytes.withUnsafeBufferPointer { (buffer: UnsafeBufferPointer<CChar>) in
    let pointers = unsafe starts.map { start in unsafe buffer.baseAddress.map { unsafe $0 + start } } + [nil]
    return unsafe pointers.withUnsafeBufferPointer {
      (pointers: UnsafeBufferPointer<UnsafePointer<CChar>?>) in
      unsafe body(pointers.baseAddress!)
    }
  }
}
