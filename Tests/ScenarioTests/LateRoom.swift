/// A conversation told in events: `c-late`, which members join, leave and join again.
enum LateRoom {
  /// A minute of the test's day.
  static func at(_ minute: Int) -> String { Corpus.time(1_709_251_200 + minute * 60) }

  static func message(
    _ number: Int, _ text: String, conversation: String = "c-late", sender: String = "ann"
  ) -> String {
    """
    {"type":"message.created","message_id":"m\(number)","conversation_id":"\(conversation)","sender_id":"\(sender)",\
    "created_at":"\(at(10 * number))","body":{"plain":"\(text)"}}
    """
  }

  static func joined(_ subject: String, _ minute: Int, from: Int? = nil) -> String {
    let window = from.map { #","sees_history_from":"\#(at($0))""# } ?? ""
    return
      #"{"type":"member.joined","conversation_id":"c-late","subject_id":"\#(subject)","at":"\#(at(minute))"\#(window)}"#
  }

  static func edited(_ message: String, _ text: String, _ minute: Int) -> String {
    """
    {"type":"message.edited","message_id":"\(message)","conversation_id":"c-late","editor_id":"ann",\
    "edited_at":"\(at(minute))","body":{"plain":"\(text)"}}
    """
  }

  static func deleted(_ message: String, _ minute: Int) -> String {
    """
    {"type":"message.deleted","message_id":"\(message)","conversation_id":"c-late","deleted_by":"ann",\
    "deleted_at":"\(at(minute))"}
    """
  }

  static func reaction(_ type: String, _ message: String, _ name: String, _ minute: Int) -> String {
    """
    {"type":"reaction.\(type)","message_id":"\(message)","conversation_id":"c-late","subject_id":"bob","name":"\(name)",\
    "at":"\(at(minute))"}
    """
  }

  /// Ann from the start; bob joins at 100; cy leaves at 50 and is back at 120; dee joins at 150 and sees from 80 on.
  static let events: [String] =
    [
      #"{"type":"conversation.upserted","conversation_id":"c-late","kind":"group","name":"Late ones"}"#,
      joined("ann", 0), joined("cy", 0), edited("m20", "forecast early", 230), deleted("m21", 240),
    ] + (0..<12).map { message($0, "budget item number \($0)") } + [
      #"{"type":"member.left","conversation_id":"c-late","subject_id":"cy","at":"\#(at(50))"}"#,
      joined("bob", 100), joined("cy", 120), joined("dee", 150, from: 80),
    ] + (12..<22).map { message($0, "budget item number \($0)") } + [
      edited("m3", "secret plan", 235), edited("m12", "forecast for spring", 236), deleted("m13", 237),
      reaction("added", "m14", "thumbsup", 238), reaction("added", "m15", "tada", 238),
      reaction("removed", "m15", "tada", 239),
    ]
}
