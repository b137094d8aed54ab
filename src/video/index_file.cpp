// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include "index_file.hpp"

extern "C" {
#include <libavutil/crc.h>
}

#include <cstring>
#include <type_traits>

#include <action_images/core/file.hpp>

namespace action_images::ffmpeg {
namespace {

constexpr std::uint64_t layout_version = 1;
constexpr std::uint64_t max_file_bytes = std::uint64_t(8) << 30;

std::uint32_t checksum(std::string_view bytes) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return av_crc(av_crc_get_table(AV_CRC_32_IEEE), ~0U, data, bytes.size());
}

/// 64-bit FNV-1a.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 1099511628211U;
  return hash;
}

std::filesystem::path name_of(const std::filesystem::path& folder, const std::string& video) {
  char name[32];
  std::snprintf(name, sizeof name, "%016llx.videoindex", static_cast<unsigned long long>(hash_of(video)));
  return folder / name;
}

class Writer {
 public:
  template <typename T>
  void value(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <typename T>
  void list(const T* values, std::size_t count) {
    value<std::uint64_t>(count);
    bytes_.append(reinterpret_cast<const char*>(values), count * sizeof(T));
  }
  std::string finish() {
    value(checksum(bytes_));
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

/// Reads what Writer wrote; past the end everything is zero and `ended` is true.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <typename T>
  T value() {
    T value{};
    take(&value, sizeof value);
    return value;
  }
  template <typename List>
  List list() {
    using T = typename List::value_type;
    const auto count = value<std::uint64_t>();
    ended_ = ended_ || count > bytes_.size() / sizeof(T);
    List values(ended_ ? 0 : static_cast<std::size_t>(count), T{});
    take(values.data(), values.size() * sizeof(T));
    return values;
  }
  bool at_end() const { return !ended_ && bytes_.empty(); }

 private:
  void take(void* to, std::size_t count) {
    ended_ = ended_ || count > bytes_.size();
    if (ended_) return;
    std::memcpy(to, bytes_.data(), count);
    bytes_.remove_prefix(count);
  }

  std::string_view bytes_;
  bool ended_ = false;
};

/// What the index depends on besides its video's contents.
std::string heading(const std::string& video, const FileState& state) {
  return text_of("action-images video index ", layout_version, ' ', avformat_version(), ' ', avcodec_version(), ' ',
                 state.size, ' ', state.modified_ns, ' ', video);
}

/// Every number of the parameters that a decoder may ask for, in the order of the file.
template <typename Parameters, typename Visit>
void visit_parameters(Parameters& p, const Visit& visit) {
  visit(p.codec_type);
  visit(p.codec_id);
  visit(p.codec_tag);
  visit(p.format);
  visit(p.bits_per_coded_sample);
  visit(p.bits_per_raw_sample);
  visit(p.profile);
  visit(p.level);
  visit(p.width);
  visit(p.height);
  visit(p.sample_aspect_ratio);
  visit(p.field_order);
  visit(p.color_range);
  visit(p.color_primaries);
  visit(p.color_trc);
  visit(p.color_space);
  visit(p.chroma_location);
  visit(p.video_delay);
}

void set_extradata(AVCodecParameters& parameters, const std::string& bytes) {
  if (bytes.empty()) return;
  parameters.extradata = static_cast<std::uint8_t*>(av_mallocz(bytes.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  if (parameters.extradata == nullptr) throw std::bad_alloc();
  std::memcpy(parameters.extradata, bytes.data(), bytes.size());
  parameters.extradata_size = static_cast<int>(bytes.size());
}

/// Numbers that point into the lists do so.
bool is_consistent(const VideoIndex& index) {
  const auto packets = static_cast<std::int64_t>(index.packets.size());
  const auto frames = static_cast<std::int64_t>(index.frames.size());
  for (const IndexedPacket& packet : index.packets) {
    const bool inside = packet.position >= 0 && packet.position + packet.size <= index.file.size;
    if (packet.size < 0 || packet.frame >= frames || (index.by_position && !inside)) return false;
  }
  for (const IndexedFrame& frame : index.frames) {
    if (frame.packet < 0 || frame.packet >= packets || frame.start < 0 || frame.start > frame.packet) return false;
  }
  return frames > 0 && index.parameters->width > 0 && index.parameters->height > 0;
}

std::string text_of_index(const std::string& video, const VideoIndex& index) {
  Writer writer;
  const std::string head = heading(video, index.file);
  writer.list(head.data(), head.size());
  visit_parameters(*index.parameters, [&](const auto& value) { writer.value(value); });
  writer.list(index.parameters->extradata, static_cast<std::size_t>(index.parameters->extradata_size));
  writer.value(index.time_base);
  writer.value(index.fps);
  writer.value<std::uint64_t>(index.by_position ? 1 : 0);
  writer.value<std::uint64_t>(index.by_time ? 1 : 0);
  writer.list(index.packets.data(), index.packets.size());
  writer.list(index.frames.data(), index.frames.size());
  return writer.finish();
}

}  // namespace

std::shared_ptr<const VideoIndex> load_index(const std::filesystem::path& folder, const std::string& video,
                                             const FileState& state) {
  std::string bytes;
  try {
    bytes = read_file(name_of(folder, video), max_file_bytes, "video::VideoReader");
  } catch (const FormatError&) {
    return nullptr;  // there is none
  }
  std::uint32_t sum = 0;
  if (bytes.size() < sizeof sum) return nullptr;
  const std::string_view contents(bytes.data(), bytes.size() - sizeof sum);
  std::memcpy(&sum, bytes.data() + contents.size(), sizeof sum);
  if (checksum(contents) != sum) return nullptr;
  Reader reader(contents);
  if (reader.list<std::string>() != heading(video, state)) return nullptr;
  auto index = std::make_shared<VideoIndex>();
  index->file = state;
  index->parameters = own(avcodec_parameters_alloc());
  visit_parameters(*index->parameters, [&](auto& value) { value = reader.value<std::decay_t<decltype(value)>>(); });
  set_extradata(*index->parameters, reader.list<std::string>());
  index->time_base = reader.value<AVRational>();
  index->fps = reader.value<double>();
  index->by_position = reader.value<std::uint64_t>() != 0;
  index->by_time = reader.value<std::uint64_t>() != 0;
  index->packets = reader.list<std::vector<IndexedPacket>>();
  index->frames = reader.list<std::vector<IndexedFrame>>();
  return reader.at_end() && is_consistent(*index) ? index : nullptr;
}

void store_index(const std::filesystem::path& folder, const std::string& video, const VideoIndex& index,
                 const std::string& where) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);  // what fails here fails below
  write_file(name_of(folder, video), text_of_index(video, index), where);
}

}  // namespace action_images::ffmpeg
#endif
