// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "mapped_file.hpp"
#include "pickle.hpp"
#include "zip_archive.hpp"

namespace action_images {

/// What the globals and the persistent ids in a pickle of torch.save mean: tensors over the storages of its archive.
class TorchStorages {
 public:
  /// @param root  the archive's folder, such as "archive/".   @param file  its name, for messages.
  TorchStorages(std::shared_ptr<MappedFile> mapping, const ZipArchive& archive, std::string root, std::string file);

  /// The meaning of a pickle's names; it holds a reference to this.
  Pickle::Meaning meaning();

 private:
  Pickle::Value storage(const Pickle& pickle, const Pickle::Value& id);
  at::Tensor elements(const std::string& key, at::ScalarType dtype, std::int64_t count);
  Pickle::Value call(const Pickle& pickle, const Pickle::Value& function, const Pickle::Value& arguments) const;
  at::Tensor rebuild(const Pickle& pickle, const std::vector<Pickle::Id>& arguments,
                     std::optional<at::ScalarType> dtype) const;

  std::shared_ptr<MappedFile> mapping_;
  const ZipArchive& archive_;
  std::string root_;
  std::string file_;
  std::map<std::string, at::Tensor> elements_;  // by the storage's key
};

}  // namespace action_images
