// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace action_images {

/// The entries of a zip file, as torch.save and NumPy write them: found through the directory at the file's end (zip64 too),
/// each inside the file and apart from the others. Nothing is unpacked here, so nothing can grow.
class ZipArchive {
 public:
  struct Entry {
    std::uint64_t begin;  ///< of the data, in the file [byte]
    std::uint64_t size;   ///< [byte]
    bool is_packed = false;           ///< its data is deflated
    std::uint64_t unpacked_size = 0;  ///< what it says about itself; `size` if it is not packed [byte]
  };

  /// What entries may be: torch.save's are stored as they are.
  enum class Packing { stored, deflated };

  /// @param bytes  the whole file, which must outlive this.   @param file  its name, for messages.
  /// @throws FormatError if the directory is damaged, an entry lies outside the file or over another one, a name is
  ///         there twice, or an entry is encrypted or packed in another way.
  ZipArchive(std::span<const std::uint8_t> bytes, const std::string& file, Packing packing = Packing::stored);

  const std::map<std::string, Entry>& entries() const { return entries_; }

  std::span<const std::uint8_t> data(const Entry& entry) const { return bytes_.subspan(entry.begin, entry.size); }

  /// Whether a file begins as a zip file does.
  static bool recognises(std::span<const std::uint8_t> bytes);

 private:
  std::span<const std::uint8_t> bytes_;
  std::map<std::string, Entry> entries_;
};

}  // namespace action_images
