// SPDX-License-Identifier: Apache-2.0
#include <action_images/video.hpp>

namespace aim = action_images;

int main() {
  try {
    aim::read_image("there_is_no_such_picture.png");
  } catch (const aim::ValueError&) {
    return 0;
  }
  return 1;
}
