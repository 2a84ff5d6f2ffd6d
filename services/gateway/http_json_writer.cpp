#include <flatbuffers/flexbuffers.h>
#include <fmt/format.h>

#include "core/http/json_text.h"
#include "schemas/vectron_fields.h"
#include "services/gateway/http_json.h"

namespace vectron::gateway {
namespace {

using http::append_json_number;
using http::append_json_string;

// Payloads that came over RPC may be deeper than JSON may bring them, up to what their verifier
// allows. Many offsets may share one child, so that only the size of the text bounds the work.
class Writer {
 public:
  explicit Writer(size_t bytes_max) : bytes_max_(bytes_max) {}

  template <typename Message>
  void message(const Message& from) {
    out_ += '{';
    bool first = true;
    visit_fields(from, [&](const FieldRow& row, const auto& field) {
      if (left_out(row, field)) return;
      if (!first) out_ += ',';
      first = false;
      append_json_string(out_, row.name);
      out_ += ':';
      value(row, field);
    });
    out_ += '}';
  }

  Result<std::string> take() {
    if (damaged_) return fail(Code::data_loss, "a stored payload cannot be read", "payload");
    if (too_long()) {
      return fail(Code::out_of_range,
                  fmt::format("the answer is larger than {} bytes: ask for less", bytes_max_));
    }
    return std::move(out_);
  }

 private:
  template <typename Field>
  static bool left_out(const FieldRow&, const Field&) {
    return false;
  }
  static bool left_out(const FieldRow& row, const Bytes& bytes) {
    return row.flexbuffer && bytes.empty();
  }
  static bool left_out(const FieldRow& row, const std::vector<float>& floats) {
    return !row.needed && floats.empty();
  }
  template <typename Field>
  static bool left_out(const FieldRow&, const std::optional<Field>& field) {
    return !field.has_value();
  }

  void value(const FieldRow&, bool from) { out_ += from ? "true" : "false"; }
  void value(const FieldRow&, uint8_t code) {
    append_json_string(out_, code_name(static_cast<Code>(code)));
  }
  void value(const FieldRow&, uint32_t from) { append_json_number(out_, uint64_t{from}); }
  void value(const FieldRow&, uint64_t from) { append_json_number(out_, from); }
  void value(const FieldRow&, float from) { append_json_number(out_, from); }
  void value(const FieldRow&, const std::string& from) { append_json_string(out_, from); }
  void value(const FieldRow&, const api::PointId& id) {
    id.is_text ? append_json_string(out_, id.text) : append_json_number(out_, id.number);
  }
  void value(const FieldRow&, const Bytes& flexbuffer) {
    std::vector<uint8_t> reuse;
    if (flexbuffers::VerifyBuffer(flexbuffer.data(), flexbuffer.size(), &reuse)) {
      payload(flexbuffers::GetRoot(flexbuffer.data(), flexbuffer.size()));
    } else {
      damaged_ = true;
      out_ += "null";
    }
  }
  template <typename Field>
    requires std::is_enum_v<Field>
  void value(const FieldRow&, Field from) {
    append_json_string(out_, EnumNames<Field>::values[static_cast<size_t>(from)]);
  }
  template <typename Field>
  void value(const FieldRow& row, const std::optional<Field>& from) {
    if (from.has_value()) value(row, *from);
  }
  template <typename Field>
  void value(const FieldRow& row, const std::vector<Field>& from) {
    out_ += '[';
    for (size_t i = 0; i < from.size() && !too_long(); ++i) {
      if (i > 0) out_ += ',';
      value(row, from[i]);
    }
    out_ += ']';
  }
  template <typename Message>
    requires std::is_class_v<Message>
  void value(const FieldRow&, const Message& from) {
    message(from);
  }

  void payload(flexbuffers::Reference from) {
    if (from.IsMap()) return payload_map(from.AsMap());
    if (from.IsTypedVector()) return payload_list(from.AsTypedVector());
    if (from.IsFixedTypedVector()) return payload_list(from.AsFixedTypedVector());
    if (from.IsUntypedVector()) return payload_list(from.AsVector());
    if (from.IsBool()) return value({}, from.AsBool());
    if (from.IsUInt()) return append_json_number(out_, from.AsUInt64());
    if (from.IsInt()) return append_json_number(out_, from.AsInt64());
    if (from.IsFloat()) return append_json_number(out_, from.AsDouble());
    if (from.IsString()) {
      const flexbuffers::String text = from.AsString();
      return append_json_string(out_, {text.c_str(), text.length()});
    }
    if (from.IsKey()) return append_json_string(out_, from.AsKey());
    if (from.IsBlob()) return payload_blob(from.AsBlob());
    out_ += "null";
  }

  void payload_map(const flexbuffers::Map& from) {
    const auto keys = from.Keys();
    const auto values = from.Values();
    out_ += '{';
    for (size_t i = 0; i < keys.size() && !too_long(); ++i) {
      if (i > 0) out_ += ',';
      append_json_string(out_, keys[i].AsKey());
      out_ += ':';
      payload(values[i]);
    }
    out_ += '}';
  }

  template <typename List>
  void payload_list(const List& from) {
    out_ += '[';
    for (size_t i = 0; i < from.size() && !too_long(); ++i) {
      if (i > 0) out_ += ',';
      payload(from[i]);
    }
    out_ += ']';
  }

  // JSON has no bytes: they become a list of numbers.
  void payload_blob(const flexbuffers::Blob& from) {
    out_ += '[';
    for (size_t i = 0; i < from.size() && !too_long(); ++i) {
      if (i > 0) out_ += ',';
      append_json_number(out_, uint64_t{from.data()[i]});
    }
    out_ += ']';
  }

  bool too_long() const { return out_.size() > bytes_max_; }

  size_t bytes_max_;
  bool damaged_ = false;
  std::string out_;
};

size_t bytes_of(const std::string& text) {
  return sizeof(text) + text.size();
}
size_t bytes_of(const Bytes& bytes) {
  return sizeof(bytes) + bytes.size();
}
size_t bytes_of(const std::vector<float>& floats) {
  return sizeof(floats) + floats.size() * sizeof(float);
}
template <typename Field>
size_t bytes_of(const Field& field) {
  if constexpr (std::is_class_v<Field>) {
    return memory_bytes(field);
  } else {
    return sizeof(field);
  }
}
template <typename Field>
size_t bytes_of(const std::optional<Field>& field) {
  return field.has_value() ? bytes_of(*field) : 0;
}
template <typename Field>
size_t bytes_of(const std::vector<Field>& fields) {
  size_t bytes = sizeof(fields);
  for (const Field& field : fields) bytes += bytes_of(field);
  return bytes;
}

}  // namespace

template <typename Message>
size_t memory_bytes(const Message& message) {
  size_t bytes = 0;
  visit_fields(message, [&](const FieldRow&, const auto& field) { bytes += bytes_of(field); });
  return bytes;
}

template <>
size_t memory_bytes(const api::PointId& id) {
  return sizeof(id) + id.text.size();
}

template <typename Message>
Result<std::string> to_json(const Message& message, size_t bytes_max) {
  Writer writer(bytes_max);
  writer.message(message);
  return writer.take();
}

namespace {

template <typename... Messages>
constexpr auto writers_of(MessageList<Messages...>) {
  return std::tuple{&to_json<Messages>..., &memory_bytes<Messages>...};
}
// Makes the writers of all messages, for callers that see only the header.
[[gnu::used]] constexpr auto kWriters = writers_of(api::VectronMessageList());

}  // namespace

}  // namespace vectron::gateway
