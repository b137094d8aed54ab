// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// Files of torch.save written byte by byte, without torch.
namespace action_images::torch_archive {

/// Little-endian numbers and bytes, one after the other.
class Bytes {
 public:
  template <typename Number>
  Bytes& add(Number number) {
    text_.append(reinterpret_cast<const char*>(&number), sizeof(Number));
    return *this;
  }
  Bytes& add(const std::string& text) {
    text_ += text;
    return *this;
  }
  const std::string& text() const { return text_; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(text_.size()); }

 private:
  std::string text_;
};

/// A zip file of stored entries.
inline std::string zip_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  Bytes file, directory;
  for (const auto& [name, data] : entries) {
    const auto add_sizes = [&name = name, &data = data](Bytes& to) {
      to.add(std::uint32_t{0})
          .add(static_cast<std::uint32_t>(data.size()))
          .add(static_cast<std::uint32_t>(data.size()));
      to.add(static_cast<std::uint16_t>(name.size())).add(std::uint16_t{0});
    };
    directory.add(std::uint32_t{0x02014b50}).add(std::uint16_t{20}).add(std::uint16_t{20}).add(std::uint64_t{0});
    add_sizes(directory);
    directory.add(std::uint16_t{0}).add(std::uint16_t{0}).add(std::uint16_t{0}).add(std::uint32_t{0}).add(file.size());
    directory.add(name);
    file.add(std::uint32_t{0x04034b50}).add(std::uint16_t{20}).add(std::uint64_t{0});
    add_sizes(file);
    file.add(name).add(data);
  }
  const auto count = static_cast<std::uint16_t>(entries.size());
  const std::uint32_t begin = file.size();
  file.add(directory.text()).add(std::uint32_t{0x06054b50}).add(std::uint32_t{0}).add(count).add(count);
  file.add(directory.size()).add(begin).add(std::uint16_t{0});
  return file.text();
}

/// An archive of torch.save with one pickle and one storage.
inline std::string archive_of(const std::string& pickle, const std::string& storage) {
  return zip_of({{"archive/data.pkl", pickle}, {"archive/data/0", storage}, {"archive/byteorder", "little"}});
}

/// Pickle instructions of a text.
inline std::string text_instruction(const std::string& text) {
  return Bytes().add('X').add(static_cast<std::uint32_t>(text.size())).add(text).text();
}

/// Pickle instructions of {"x": the two floats of storage 0}.
inline std::string pickle_of_two_floats() {
  const std::string storage = std::string("(") + text_instruction("storage") + "ctorch\nFloatStorage\n" +
                              text_instruction("0") + text_instruction("cpu") + "K\2tQ";
  const std::string view = std::string("K\0", 2) + "K\2\x85K\1\x85\x89";
  const std::string tensor =
      "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + view + "ccollections\nOrderedDict\n)RtR";
  return std::string("\x80\2}") + text_instruction("x") + tensor + "s.";
}

}  // namespace action_images::torch_archive
