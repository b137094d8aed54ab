// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "block.hpp"
#include "context.hpp"

namespace action_images {

WanConditions WanTransformer::prepare(const WanInputs& inputs) const {
  const WanContext context = wan_context(outer_, config_, inputs);
  WanConditions conditions;
  conditions.grid = inputs.grid;
  conditions.rotary = context.rotary;
  conditions.stem = context.stem;
  conditions.pooled_text = context.pooled_text;
  conditions.y = context.y;
  for (const WanBlock& block : blocks_) {
    WanBlockConditions of_block = wan_block_conditions(block, config_, context);
    conditions.text.push_back(std::move(of_block.text));
    if (context.image.defined()) conditions.image.push_back(std::move(of_block.image));
    if (context.camera.defined()) conditions.camera.push_back(std::move(of_block.camera));
  }
  return conditions;
}

}  // namespace action_images
