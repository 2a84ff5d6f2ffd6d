// Point ids in memory and in messages: the one translation between them, for every contract.
//
// Each contract has a PointId table of its own (they stay apart), with the same three fields.
#pragma once

#include <concepts>
#include <string>

#include "core/model/point_id.h"

namespace vectron {

/// A generated PointId table: api::PointId, wire::PointId.
template <typename Message>
concept PointIdMessage = requires(Message message) {
  { message.number } -> std::convertible_to<uint64_t>;
  { message.text } -> std::convertible_to<std::string>;
  { message.is_text } -> std::convertible_to<bool>;
};

/// Errors: invalid_argument with field `id`.
template <PointIdMessage Message>
Result<PointId> id_of_message(const Message& message) {
  if (message.is_text) return PointId::from_text(message.text);
  return PointId(message.number);
}

template <PointIdMessage Message>
Message message_of_id(const PointId& id) {
  Message message;
  message.is_text = id.is_text();
  if (id.is_text()) {
    message.text = id.text();
  } else {
    message.number = id.number();
  }
  return message;
}

/// The same id in another contract's message.
template <PointIdMessage To, PointIdMessage From>
To message_as(From from) {
  To to;
  to.number = from.number;
  to.text = std::move(from.text);
  to.is_text = from.is_text;
  return to;
}

}  // namespace vectron
