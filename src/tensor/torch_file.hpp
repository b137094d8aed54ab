// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include <action_images/tensor/tensor_map.hpp>

#include "mapped_file.hpp"

namespace action_images {

/// The tensors of a file of torch.save, as they lie in it: mapped, with the strides and the shared storages that were
/// saved, without gradients. Its pickle is read for names, shapes and places only; nothing is executed.
///
/// A state dict may be nested in other dicts ("state_dict", "model", ...). Numbers and texts beside tensors are passed
/// over.
/// @param file  its name, for messages.
/// @param part  names of the dicts to go down by, joined with '/'; empty: the only one that holds tensors.
/// @throws FormatError on a damaged archive or pickle, a global that is not one of plain tensors, a tensor past its
///         storage, a big-endian file, TorchScript, or several state dicts to choose from, which are named.
TensorMap read_torch_file(const std::shared_ptr<MappedFile>& mapping, const std::string& file, const std::string& part);

}  // namespace action_images
