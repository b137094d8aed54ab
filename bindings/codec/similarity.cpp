// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <optional>
#include <vector>

#include <pybind11/stl.h>

#include <action_images/calibration/similarity_fit.hpp>

#include "arrays.hpp"

namespace action_images::bindings {

namespace {

/// Points (N, 3).
std::vector<Eigen::Vector3d> points_from(const py::object& object, const char* where, const char* argument) {
  const Doubles array = doubles_from(object, where, argument, "(N, 3)");
  aim::check_shape(array.ndim() == 2 && array.shape(1) == 3, where, argument, "(N, 3)", shape_of(array));
  std::vector<Eigen::Vector3d> points;
  for (py::ssize_t i = 0; i < array.shape(0); ++i) points.emplace_back(array.at(i, 0), array.at(i, 1), array.at(i, 2));
  return points;
}

/// Positions of actions (T, 7).
std::vector<Eigen::Vector3d> positions_from(const py::object& object, const char* where) {
  std::vector<Eigen::Vector3d> positions;
  for (const aim::Action& action : trajectory_from(object, where)) positions.push_back(action.position);
  return positions;
}

std::vector<double> weights_from(const py::object& object, const char* where) {
  if (object.is_none()) return {};
  const Doubles array = doubles_from(object, where, "weights", "(N,)");
  aim::check_shape(array.ndim() == 1, where, "weights", "(N,)", shape_of(array));
  return {array.data(), array.data() + array.size()};
}

aim::Similarity make_similarity(double scale, const py::object& rotation, const py::object& translation) {
  constexpr const char* where = "codec::Similarity";
  aim::Similarity similarity{scale, Eigen::Matrix3d::Identity(), Eigen::Vector3d::Zero()};
  if (!rotation.is_none()) similarity.rotation = matrix_from<3>(rotation, where, "rotation");
  if (!translation.is_none()) similarity.translation = vector_from(translation, where, "translation");
  aim::check_similarity(similarity, where);
  return similarity;
}

/// Points (..., 3) in the other frame.
py::array_t<double> moved_points(const aim::Similarity& similarity, const py::object& object) {
  const Doubles points = doubles_from(object, "codec::Similarity::points", "points", "(..., 3)");
  aim::check_shape(points.ndim() >= 1 && points.shape(points.ndim() - 1) == 3, "codec::Similarity::points", "points",
                   "(..., 3)", shape_of(points));
  py::array_t<double> moved(std::vector<py::ssize_t>(points.shape(), points.shape() + points.ndim()));
  const double* from = points.data();
  double* to = moved.mutable_data();
  for (py::ssize_t i = 0; i < points.size(); i += 3) {
    Eigen::Map<Eigen::Vector3d>(to + i) = similarity * Eigen::Map<const Eigen::Vector3d>(from + i);
  }
  return moved;
}

void bind_classes(py::module_& module) {
  using aim::Similarity;
  using aim::SimilarityFit;
  py::class_<Similarity>(module, "Similarity", "x_in_b = scale * rotation @ x_in_a + translation.")
      .def(py::init(&make_similarity), py::kw_only(), py::arg("scale") = 1.0, py::arg("rotation") = py::none(),
           py::arg("translation") = py::none())
      .def_readonly("scale", &Similarity::scale)
      .def_property_readonly("rotation", [](const Similarity& self) { return Eigen::Matrix3d(self.rotation); })
      .def_property_readonly("translation", [](const Similarity& self) { return Eigen::Vector3d(self.translation); })
      .def_property_readonly("matrix", &Similarity::matrix)
      .def("inverse", &Similarity::inverse)
      .def("points", &moved_points, py::arg("points"))
      .def(
          "actions",
          [](const Similarity& self, const py::object& actions) {
            const aim::Trajectory trajectory = trajectory_from(actions, "codec::Similarity::actions");
            return aim::matrix_from_trajectory(aim::align_actions(trajectory, self));
          },
          py::arg("actions"))
      .def(
          "rig", [](const Similarity& self, const aim::Rig& rig) { return aim::align_rig(rig, self); }, py::arg("rig"))
      .def("__matmul__", [](const Similarity& self, const Similarity& first) { return self * first; })
      .def("__repr__", [](const Similarity& self) {
        const Eigen::Vector3d t = self.translation;
        return aim::text_of("Similarity(scale=", self.scale,
                            ", angle=", 57.29577951308232 * Eigen::AngleAxisd(self.rotation).angle(),
                            " deg, translation=(", t.x(), ", ", t.y(), ", ", t.z(), "))");
      });
  py::class_<SimilarityFit>(module, "SimilarityFit", "A similarity, and what it leaves between pairs.")
      .def_readonly("similarity", &SimilarityFit::similarity)
      .def_readonly("rms", &SimilarityFit::rms)
      .def_readonly("largest", &SimilarityFit::largest)
      .def_readonly("rotation_rms", &SimilarityFit::rotation_rms)
      .def_property_readonly("residuals",
                             [](const SimilarityFit& self) {
                               return py::array_t<double>(static_cast<py::ssize_t>(self.residuals.size()),
                                                          self.residuals.data());
                             })
      .def_property_readonly("inliers", [](const SimilarityFit& self) { return bools_from(self.inliers); })
      .def("__repr__", [](const SimilarityFit& self) {
        return aim::text_of("SimilarityFit(scale=", self.similarity.scale, ", rms=", self.rms,
                            ", largest=", self.largest, ")");
      });
}

}  // namespace

void bind_similarity(py::module_& module) {
  bind_classes(module);
  module.def(
      "similarity_from_points",
      [](const py::object& source, const py::object& target, const py::object& weights, bool scaled, bool robust) {
        constexpr const char* where = "codec::similarity_from_points";
        return aim::similarity_from_points(points_from(source, where, "source"), points_from(target, where, "target"),
                                           {weights_from(weights, where), scaled, robust});
      },
      py::arg("source"), py::arg("target"), py::arg("weights") = py::none(), py::kw_only(), py::arg("scaled") = true,
      py::arg("robust") = false);
  module.def(
      "similarity_from_trajectories",
      [](const py::object& source, const py::object& target, bool scaled, bool robust) {
        constexpr const char* where = "codec::similarity_from_trajectories";
        return aim::similarity_from_points(positions_from(source, where), positions_from(target, where),
                                           {{}, scaled, robust});
      },
      py::arg("source"), py::arg("target"), py::kw_only(), py::arg("scaled") = true, py::arg("robust") = true);
  module.def("similarity_from_rigs", &aim::similarity_from_rigs, py::arg("source"), py::arg("target"));
  module.def("align_rig", &aim::align_rig, py::arg("rig"), py::arg("similarity"));
  module.def(
      "scale_from_camera_distance",
      [](const aim::Rig& rig, std::size_t first, std::size_t second, double distance, std::size_t time) {
        return aim::scale_from_camera_distance(rig, {first, second}, distance, time);
      },
      py::arg("rig"), py::arg("view_a"), py::arg("view_b"), py::arg("distance"), py::kw_only(), py::arg("time") = 0);
}

}  // namespace action_images::bindings
