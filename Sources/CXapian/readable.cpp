#include "readable.hpp"

#include "scope.hpp"

ConversationSet::ConversationSet(const Records &records, const cx_scope &scope)
    : words(size_t(records.conversations()) / 64 + 1, 0) {
  uint32_t count = records.conversations();
  // A search in their order takes a step for each doubling.
  if (scope.count() < count / 4) {
    scope.each_conversation([&](int64_t conversation) {
      uint32_t number = records.number_of(conversation);
      if (number < count) add(number);
    });
  } else {
    for (uint32_t number = 0; number < count; number++) {
      if (scope.may_accept(records.conversation(number))) add(number);
    }
  }
}

const ConversationSet *ReadableConversations::find(uint64_t scope) const {
  for (const Known &each : known) {
    if (each.scope == scope) return each.set.get();
  }
  return nullptr;
}

const ConversationSet *ReadableConversations::make(const Records &records, const cx_scope &scope) {
  Known &place = known[next];
  next = (next + 1) % known.size();
  place = Known{scope.serial, std::make_unique<ConversationSet>(records, scope)};
  return place.set.get();
}
