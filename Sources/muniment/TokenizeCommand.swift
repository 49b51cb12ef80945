import ArgumentParser
import SearchTokens

struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Text on standard input, one message a line; tokens on standard output, as a client would send."
  )
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
  @OptionGroup var common: CommonOptions

  func run() throws {
    let key = try key.map {
      try TokenKeyFile.open($0, creating: false)
        .conversationKey(tenant: tenant, conversation: conversation, generation: generation)
    }
    while let line = readLine() {
      let text = Tokenizer().tokens(in: line)
      let tokens =
        key?.blind(text, bigrams: bigrams, prefixes: prefixes)
        ?? MessageTokens(plain: text, prefixes: prefixes)
      print(try Output.encoded(tokens))
    }
  }
}
