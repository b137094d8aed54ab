// SPDX-License-Identifier: Apache-2.0
// The module action_images._model: one bind_<layer> per file of this folder.
#include <pybind11/pybind11.h>

#define LAYERS(X)                                                                                            \
  X(tensor) X(weights) X(wan) X(wan_functional) X(image_encoder) X(vae) X(text) X(vggt) X(sample) X(video) \
  X(action_head) X(world) X(loading) X(data) X(clip_sampler) X(pickle) X(video_writer) X(dist) X(train)    \
  X(vae_finetuning) X(cameras)
#define DECLARE(layer) void bind_##layer(pybind11::module_&);
LAYERS(DECLARE)

PYBIND11_MODULE(_model, module) {
  module.doc() = "Networks, sampling, world model and training of Action Images (needs torch).";
  pybind11::module_::import("action_images._codec");  // its Rig is given and taken here
#define BIND(layer) bind_##layer(module);
  LAYERS(BIND)
}
