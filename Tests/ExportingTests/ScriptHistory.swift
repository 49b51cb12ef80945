/// A conversation in many scripts, with a long thread: what a browser has to draw right.
enum ScriptHistory {
  private static let texts = [
    "日本語の文章です。「引用」と、句読点。", "中文（繁體與简体）：會議改到明天。", "한국어 문장입니다.",
    "مرحبا، هذه رسالة من اليمين إلى اليسار مع 123 و English في الوسط.", "שלום, זו הודעה מימין לשמאל.",
    "Emoji: 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇯🇵 ❤️ 🫠", "हिन्दी में एक वाक्य।", "ภาษาไทยไม่มีช่องว่าง", "Ελληνικά, кириллица, ქართული",
    "e\u{301}\u{323} combining, ﬁ ligature, Zalgo: Z\u{351}\u{36B}a\u{343}l\u{34B}",
  ]

  static let lines: [String] =
    [
      #"{"type":"conversation.upserted","conversation_id":"scripts","kind":"channel","name":"文字 حروف 🗂","visibility":"private"}"#,
      #"{"type":"user.upserted","subject_id":"sami","display_name":"سامي 山田"}"#,
      #"{"type":"member.joined","conversation_id":"scripts","subject_id":"sami","at":"2026-02-01T00:00:00Z"}"#,
    ]
    + texts.enumerated().map { message("w\($0.offset)", $0.element, $0.offset, thread: nil) }
    + (1...40).map { message("t\($0)", "Reply \($0): \(texts[$0 % texts.count])", 100 + $0, thread: "w0") }

  private static func message(_ id: String, _ text: String, _ minute: Int, thread: String?) -> String {
    let (hour, rest) = (10 + minute / 60, minute % 60)
    let reply = thread.map { #","thread_id":"\#($0)","reply_to":"\#($0)""# } ?? ""
    return """
      {"type":"message.created","message_id":"\(id)","conversation_id":"scripts","sender_id":"sami",\
      "created_at":"2026-02-03T\(hour):\(rest < 10 ? "0" : "")\(rest):00Z","body":{"plain":"\(text)"}\(reply)}
      """
  }
}
