extension TokenFrame {
  /// Reads a frame.
  /// - Throws: ``TokenFrameError`` for anything but exactly one frame.
  public init(_ bytes: [UInt8]) throws(TokenFrameError) {
    var reader = FrameReader(bytes: bytes)
    for expected in [Self.version, Self.suite, Self.normalization] {
      let offset = reader.index
      guard try reader.byte() == expected else { throw TokenFrameError(.unknownVersion, at: offset) }
    }
    let bits = try reader.byte()
    guard bits >> UInt8(Self.flagNames.count) == 0 else { throw TokenFrameError(.unknownFlag, at: 3) }
    let flags = Self.flagNames.enumerated().filter { bits >> UInt8($0.offset) & 1 == 1 }.map(\.element)
    let kid = Array(try reader.bytes(Self.kidSize))
    var sections: [Section] = []
    for _ in 0..<(try reader.byte()) {
      let offset = reader.index
      let section = try reader.section()
      if let last = sections.last, last.kind.rawValue >= section.kind.rawValue {
        throw TokenFrameError(.sectionOrder, at: offset)
      }
      sections.append(section)
    }
    guard reader.index == bytes.count else { throw TokenFrameError(.trailing, at: reader.index) }
    self.init(kid: kid, flags: flags, sections: sections)
  }
}

private struct FrameReader {
  let bytes: [UInt8]
  private(set) var index = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func byte() throws(TokenFrameError) -> UInt8 {
    guard index < bytes.count else { throw TokenFrameError(.short, at: bytes.count) }
    index += 1
    return bytes[index - 1]
  }

  mutating func bytes(_ count: Int) throws(TokenFrameError) -> ArraySlice<UInt8> {
    guard bytes.count - index >= count else { throw TokenFrameError(.short, at: bytes.count) }
    index += count
    return bytes[(index - count)..<index]
  }

  mutating func section() throws(TokenFrameError) -> TokenFrame.Section {
    let start = index
    guard let kind = TokenClass(rawValue: try byte()), kind != .stem, kind != .entity else {
      throw TokenFrameError(.unknownClass, at: start)
    }
    let count = Int(try byte()) << 8 | Int(try byte())
    guard count > 0 else { throw TokenFrameError(.emptySection, at: start + 1) }
    guard count <= TokenFrame.sectionMax else { throw TokenFrameError(.tooMany, at: start + 1) }
    var tokens: [BlindToken] = []
    tokens.reserveCapacity(count)
    for _ in 0..<count {
      let offset = index
      let token = BlindToken(prefixOf: try bytes(8))
      if let last = tokens.last, last >= token { throw TokenFrameError(.tokenOrder, at: offset) }
      tokens.append(token)
    }
    return TokenFrame.Section(kind: kind, tokens: tokens)
  }
}
