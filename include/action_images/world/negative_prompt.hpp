// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace action_images {

/// The negative prompt that Wan's public pipelines take by default: a Chinese list of flaws of pictures and of motion
/// ("overexposed, static, blurred details, subtitles, ..."), UTF-8. A model has to be trained with negative prompts of
/// its language to gain from it.
inline constexpr std::string_view wan_negative_prompt =
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，"
    "丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，"
    "静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走";

/// What a name stands for: "wan" is `wan_negative_prompt`, any other text itself.
inline std::string_view negative_prompt_from(std::string_view text) {
  return text == "wan" ? wan_negative_prompt : text;
}

}  // namespace action_images
