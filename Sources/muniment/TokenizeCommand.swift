import ArgumentParser
import SearchTokens
import Sodium

struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract:
      "Text on standard input, one message a line; tokens on standard output, as a client would send.",
    discussion: """
      The form of events (`tokens`) unless --wire or --list asks for another. The rules, and vectors to check another
      implementation with, are in Schemas/tokens.
      """)
  @Option(help: "Key file: blind the tokens.")
  var key: String?
  @Option(help: "Tenant the key is used for.")
  var tenant = "default"
  @Option(help: "Conversation the key is used for.")
  var conversation = ""
  @Option(help: "Generation of the key.")
  var generation: UInt32 = 1
  @Flag(help: "Also bigram tokens.")
  var bigrams = false
  @Flag(help: "Also prefix tokens.")
  var prefixes = false
  @Flag(
    help: "The text is not a member's (a bot's, a bridge's): its words get a class of their own. With --key.")
  var external = false
  @Flag(help: "One bt1 frame a message, in base64. With --key.")
  var wire = false
  @Flag(help: "One token a line behind its class and a tab; an empty line behind each message.")
  var list = false
  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard key != nil || (!wire && !external) else {
      throw ValidationError("--wire and --external are of blinded tokens: give --key FILE")
    }
    guard !wire || !list else { throw ValidationError("--wire and --list exclude each other") }
    guard !external || (!bigrams && !prefixes) else {
      throw ValidationError("texts of no member have neither bigram nor prefix tokens")
    }
  }

  func run() throws {
    let key = try key.map {
      try TokenKeyFile.open($0, creating: false)
        .conversationKey(tenant: tenant, conversation: conversation, generation: generation)
    }
    while let line = readLine() {
      let text = Tokenizer().tokens(in: line)
      let tokens =
        key?.blind(text, bigrams: bigrams, prefixes: prefixes, isExternal: external)
        ?? MessageTokens(plain: text, prefixes: prefixes)
      print(try form(tokens, kid: key?.kid))
    }
  }

  private func form(_ tokens: MessageTokens, kid: [UInt8]?) throws -> String {
    if wire, let kid { return try TokenFrame(tokens, kid: kid, isExternal: external).bytes.base64() }
    return list ? lines(tokens) : try Output.encoded(tokens)
  }

  private func lines(_ tokens: MessageTokens) -> String {
    let classes = [
      (external ? "external" : "word", tokens.set), ("sequence", tokens.sequence), ("bigram", tokens.bigrams),
      ("prefix", tokens.prefixes), ("flag", tokens.flags),
    ]
    return classes.flatMap { kind, tokens in tokens.map { "\(kind)\t\($0)\n" } }.joined()
  }
}
