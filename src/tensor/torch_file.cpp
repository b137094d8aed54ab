// SPDX-License-Identifier: Apache-2.0
#include "torch_file.hpp"

#include <string_view>

#include <action_images/core/check.hpp>

#include "pickle.hpp"
#include "state_dict.hpp"
#include "torch_storages.hpp"
#include "zip_archive.hpp"

namespace action_images {

namespace {

constexpr std::uint64_t largest_pickle = 64'000'000;  // [byte]; that of the 5B model has 80 kB
constexpr std::string_view pickle_name = "data.pkl";

template <typename Got>
void require(bool condition, const std::string& file, std::string_view part, std::string_view expected,
             const Got& got) {
  check<FormatError>(condition, "tensor::TorchFile", text_of(file, ": ", part), expected, got);
}

// The folder that all records lie in: that of the only data.pkl that lies in a folder of its own.
std::string root_of(const ZipArchive& archive, const std::string& file) {
  std::string root;
  for (const auto& [name, entry] : archive.entries()) {
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos || std::string_view(name).substr(slash + 1) != pickle_name) continue;
    require(root.empty(), file, pickle_name, "one", "several");
    root = name.substr(0, slash + 1);
  }
  require(!root.empty(), file, pickle_name, "the pickle of torch.save", "a zip file of another kind");
  return root;
}

void check_kind(const ZipArchive& archive, const std::string& root, const std::string& file) {
  const bool script = archive.entries().count(root + "constants.pkl") > 0;
  require(!script, file, "archive", "tensors of torch.save", "a program of TorchScript");
  const auto order = archive.entries().find(root + "byteorder");
  if (order == archive.entries().end()) return;
  const auto bytes = archive.data(order->second);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  require(text == "little", file, "byteorder", "little", printable(text));
}

}  // namespace

TensorMap read_torch_file(const std::shared_ptr<MappedFile>& mapping, const std::string& file,
                          const std::string& part) {
  const ZipArchive archive(mapping->bytes(), file);
  const std::string root = root_of(archive, file);
  check_kind(archive, root, file);
  const auto& entry = archive.entries().at(root + std::string(pickle_name));
  require(entry.size <= largest_pickle, file, pickle_name, text_of("at most ", largest_pickle, " bytes"), entry.size);
  TorchStorages storages(mapping, archive, root, file);
  const Pickle pickle(archive.data(entry), text_of(file, ": ", pickle_name), storages.meaning());
  return state_dict_of(pickle, part, file);
}

}  // namespace action_images
