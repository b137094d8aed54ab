// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <action_images/core/check.hpp>
#include <action_images/tensor/safetensors.hpp>

#include "safetensors_dtype.hpp"

namespace action_images {

namespace {

constexpr const char* where = "tensor::save_safetensors";

// A file under a temporary name beside its target, which it takes the place of when it is committed.
class ReplacementFile {
 public:
  explicit ReplacementFile(const std::filesystem::path& target) : target_(target), temporary_(target) {
    static std::atomic<unsigned> counter{0};
    temporary_ += text_of(".", ::getpid(), ".", counter++, ".part");
    file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    require(file_ >= 0);
  }

  ~ReplacementFile() {
    if (file_ >= 0) ::close(file_);
    if (!committed_) ::unlink(temporary_.c_str());
  }

  ReplacementFile(const ReplacementFile&) = delete;
  ReplacementFile& operator=(const ReplacementFile&) = delete;

  void write(const void* data, std::uint64_t size) {
    const auto* bytes = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t written = ::write(file_, bytes, std::min<std::uint64_t>(size, std::uint64_t{1} << 30));
      if (written < 0 && errno == EINTR) continue;
      require(written > 0);
      bytes += written;
      size -= static_cast<std::uint64_t>(written);
    }
  }

  void commit() {
    require(::fsync(file_) == 0);
    require(::close(std::exchange(file_, -1)) == 0);
    require(::rename(temporary_.c_str(), target_.c_str()) == 0);
    committed_ = true;
    const auto folder = target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
    const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return;
    ::fsync(directory);  // makes the new name durable; some file systems do not offer it
    ::close(directory);
  }

 private:
  void require(bool condition) const {
    check<FormatError>(condition, where, target_.string(), "a file that can be written", std::strerror(errno));
  }

  std::filesystem::path target_, temporary_;
  int file_ = -1;
  bool committed_ = false;
};

using NamedTensor = std::pair<std::string, at::Tensor>;

// Wide items first, so that every tensor lies at a multiple of its item size without gaps.
std::vector<NamedTensor> ordered(const TensorMap& tensors) {
  std::vector<NamedTensor> order;
  for (const auto& [name, tensor] : tensors) {
    check(name != "__metadata__", where, "name", "another name than the reserved one", name);
    check(tensor.defined(), where, name, "a tensor", "an undefined one");
    check(name_of(tensor.scalar_type()).has_value(), where, name, "dtype F64 F32 F16 BF16 I64 I32 I16 I8 U8 or BOOL",
          at::toString(tensor.scalar_type()));
    order.emplace_back(name, tensor.detach());
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second.element_size() > b.second.element_size(); });
  return order;
}

std::string header_of(const std::vector<NamedTensor>& tensors, const SafetensorsFile::Metadata& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::uint64_t end = offset + tensor.nbytes();
    header[name] = {
        {"dtype", *name_of(tensor.scalar_type())}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  try {
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    return text;
  } catch (const nlohmann::json::exception&) {
    throw ValueError(expected_text(where, "names and metadata", "UTF-8 text", "other bytes"));
  }
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                      const SafetensorsFile::Metadata& metadata) {
  const auto order = ordered(tensors);
  const std::string header = header_of(order, metadata);
  ReplacementFile file(path);
  const std::uint64_t length = header.size();
  file.write(&length, sizeof(length));
  file.write(header.data(), header.size());
  for (const auto& [name, tensor] : order) {
    const at::Tensor values = tensor.cpu().contiguous();
    if (values.nbytes() > 0) file.write(values.data_ptr(), values.nbytes());
  }
  file.commit();
}

}  // namespace action_images
