#include "core/kv/kv_format.h"

#include <fmt/format.h>

#include "core/base/hash.h"

namespace vectron::kv_format {

namespace {

constexpr uint64_t kKeySeed = 0x6b765f6b65793031ULL;
constexpr std::string_view kMarkerMagic = "VECTRKV1";

uint64_t key_hash(Space space, ByteView key) {
  return hash64(key, kKeySeed + static_cast<uint64_t>(space));
}

}  // namespace

PairHash pair_hash(Space space, ByteView key, ByteView value) {
  const uint64_t of_key = key_hash(space, key);
  return {hash64(value, mix64(of_key)), static_cast<size_t>(of_key >> 56)};
}

size_t bucket_of(ByteView key) {
  return static_cast<size_t>(key_hash(Space::content, key) >> 56);
}

std::optional<StoredValue> split(ByteView stored) {
  if (stored.size() < kHashBytes) return std::nullopt;
  StoredValue result{stored.first(stored.size() - kHashBytes), 0};
  std::memcpy(&result.hash, stored.data() + result.value.size(), kHashBytes);
  return result;
}

std::optional<ByteView> checked(Space space, ByteView key, ByteView stored) {
  const std::optional<StoredValue> parts = split(stored);
  if (!parts || pair_hash(space, key, parts->value).hash != parts->hash) return std::nullopt;
  return parts->value;
}

ByteView header_key() {
  return as_bytes("h");
}

Bytes encode_header(const Header& header) {
  Bytes out;
  ByteWriter writer(out);
  writer.put(header.version);
  writer.put(uint32_t{0});
  writer.put(header.item_count);
  writer.put(header.content_digest);
  writer.put(header.record_digest);
  return out;
}

std::optional<Header> decode_header(ByteView value) {
  ByteReader reader(value);
  Header header;
  header.version = reader.get<uint32_t>();
  reader.get<uint32_t>();
  header.item_count = reader.get<uint64_t>();
  header.content_digest = reader.get<uint64_t>();
  header.record_digest = reader.get<uint64_t>();
  if (!reader.ok()) return std::nullopt;
  return header;
}

std::array<uint8_t, 2> row_key(size_t row) {
  VECTRON_ASSERT(row < kRowCount);
  return {'d', static_cast<uint8_t>(row)};
}

Bytes encode_row(const Row& row) {
  Bytes out;
  ByteWriter writer(out);
  for (const uint64_t sum : row) writer.put(sum);
  return out;
}

std::optional<Row> decode_row(ByteView value) {
  ByteReader reader(value);
  Row row;
  for (uint64_t& sum : row) sum = reader.get<uint64_t>();
  if (!reader.done()) return std::nullopt;
  return row;
}

Bytes encode_marker() {
  Bytes out = to_bytes(as_bytes(kMarkerMagic));
  ByteWriter writer(out);
  writer.put(kVersion);
  writer.put(uint32_t{0});
  writer.put(checksum64(out));
  return out;
}

Result<void> check_marker(ByteView bytes) {
  ByteReader reader(bytes);
  const ByteView magic = reader.get_raw(kMarkerMagic.size());
  const auto version = reader.get<uint32_t>();
  reader.get<uint32_t>();
  const auto checksum = reader.get<uint64_t>();
  if (!reader.done() || as_text(magic) != kMarkerMagic ||
      checksum != checksum64(bytes.first(bytes.size() - sizeof(checksum)))) {
    return fail(Code::data_loss, "the file FORMAT of the key-value store is damaged");
  }
  if (version > kVersion) {
    return fail(Code::failed_precondition,
                fmt::format("the key-value store has format {}, this version knows formats up to "
                            "{}: run the newer version",
                            version, kVersion));
  }
  return {};
}

}  // namespace vectron::kv_format
