// SPDX-License-Identifier: Apache-2.0
#include <action_images/tensor/array.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

using namespace action_images;

namespace {

xt::xtensor<float, 2> counted() {
  xt::xtensor<float, 2> array = xt::xtensor<float, 2>::from_shape({2, 3});
  for (std::size_t i = 0; i < array.size(); ++i) array.data()[i] = static_cast<float>(i);
  return array;
}

}  // namespace

TEST_CASE("an array becomes a tensor without a copy and comes back equal") {
  auto array = counted();
  const float* const data = array.data();
  const at::Tensor tensor = to_tensor(std::move(array));
  CHECK(tensor.sizes() == at::IntArrayRef({2, 3}));
  CHECK(tensor.data_ptr() == data);
  CHECK(to_array<float, 2>(tensor) == counted());
}

TEST_CASE("a view of an array writes to the array") {
  auto array = counted();
  tensor_view(array).mul_(2.0);
  CHECK(array(1, 2) == 10.0F);
}

TEST_CASE("a strided tensor becomes an array in its own order") {
  const auto array = to_array<float, 2>(to_tensor(counted()).t());
  CHECK(array.shape()[0] == 3);
  CHECK(array(2, 1) == 5.0F);
}

TEST_CASE("a tensor of other axes or another dtype is no such array") {
  CHECK_THROWS_AS((to_array<float, 3>(to_tensor(counted()))), ShapeError);
  CHECK_THROWS_AS((to_array<double, 2>(to_tensor(counted()))), ValueError);
}

TEST_CASE("a tensor of pictures is seen by the codec without a copy") {
  const at::Tensor pictures = at::zeros({2, 3, 4, 5, 3}, at::kByte);
  const auto view = images_view<std::uint8_t>(pictures);
  CHECK(view.data == pictures.data_ptr());
  CHECK(view.shape() == std::array<std::size_t, 5>{2, 3, 4, 5, 3});
  CHECK_THROWS_AS(images_view<std::uint8_t>(pictures.transpose(2, 3)), ValueError);
  CHECK_THROWS_AS(images_view<float>(pictures), ValueError);
  CHECK_THROWS_AS(images_view<std::uint8_t>(pictures[0]), ShapeError);
}
