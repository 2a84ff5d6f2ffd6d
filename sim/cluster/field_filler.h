// FieldFiller: fills the fields of any message from choices, by their names. A visitor for
// visit_fields().
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "schemas/fields.h"
#include "sim/cluster/frame_bodies.h"

namespace vectron::sim {

/// What plausible numbers of one group are.
struct PlausibleGroup {
  uint64_t group = 0;
  /// A replica on the node that is pretended, where there is one.
  uint64_t from = 0;
  /// A replica on the target, where there is one.
  uint64_t to = 0;
  uint64_t term = 0;
  uint64_t index = 0;
  std::vector<uint64_t> replicas;
};

/// Of the groups of which both nodes hold a replica, otherwise of any.
PlausibleGroup choose_group(const ForgerKnowledge& knowledge, Choices* choices);

class FieldFiller {
 public:
  /// All outlive it.
  FieldFiller(const ForgerKnowledge* knowledge, const PlausibleGroup* group, Choices* choices)
      : knowledge_(*knowledge), group_(*group), choices_(*choices) {}

  template <typename Field>
  void operator()(const FieldRow& row, Field& field) {
    fill(row, field);
  }

  template <typename Message>
  void fill_message(Message* message) {
    visit_fields(*message, *this);
  }

 private:
  static constexpr size_t kItemsMax = 40;

  void fill(const FieldRow&, bool& to) { to = choices_.byte() % 2 == 1; }
  void fill(const FieldRow&, uint8_t& to) {
    const uint8_t choice = choices_.byte();
    to = choice < 240 ? choice % 16 : choice;
  }
  void fill(const FieldRow& row, uint32_t& to) { to = static_cast<uint32_t>(number(row.name)); }
  void fill(const FieldRow& row, uint64_t& to) { to = number(row.name); }
  void fill(const FieldRow&, float& to) { to = component(); }
  void fill(const FieldRow& row, std::string& to) { to = text(row.name); }
  void fill(const FieldRow& row, Bytes& to) { to = blob(row.name); }
  void fill(const FieldRow&, std::vector<float>& to) {
    to.resize(vector_size());
    for (float& value : to) value = component();
  }
  template <typename Enum>
    requires std::is_enum_v<Enum>
  void fill(const FieldRow&, Enum& to) {
    const uint8_t choice = choices_.byte();
    to = static_cast<Enum>(choice < 128 ? choice % 2 : choice % 4);
  }
  template <typename Item>
  void fill(const FieldRow& row, std::optional<Item>& to) {
    if (choices_.byte() % 2 == 1) fill(row, to.emplace());
  }
  template <typename Item>
  void fill(const FieldRow& row, std::vector<Item>& to) {
    to.resize(item_count());
    for (Item& item : to) fill(row, item);
  }
  template <typename Message>
    requires std::is_class_v<Message>
  void fill(const FieldRow&, Message& to) {
    visit_fields(to, *this);
  }

  uint64_t number(std::string_view name);
  uint64_t plausible(std::string_view name, uint8_t choice) const;
  float component();
  size_t vector_size();
  size_t item_count();
  std::string text(std::string_view name);
  Bytes blob(std::string_view name);

  const ForgerKnowledge& knowledge_;
  const PlausibleGroup& group_;
  Choices& choices_;
};

}  // namespace vectron::sim
