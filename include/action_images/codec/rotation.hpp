// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <optional>

#include <Eigen/Core>
#include <Eigen/Geometry>
#include <Eigen/LU>
#include <Eigen/SVD>

namespace action_images {

namespace detail {

/// The rotation nearest to a matrix that is nearly one; a matrix that is one to 1e-9 is kept as it is.
inline Eigen::Matrix3d nearest_rotation(const Eigen::Matrix3d& matrix) {
  if ((matrix.transpose() * matrix).isIdentity(1e-9)) return matrix;
  const Eigen::JacobiSVD<Eigen::Matrix3d> svd(matrix, Eigen::ComputeFullU | Eigen::ComputeFullV);
  return svd.matrixU() * svd.matrixV().transpose();
}

}  // namespace detail

/// A quaternion with the scalar last: x, y, z, w.
using Quaternion = Eigen::Vector4d;

/// Two columns of a rotation, the first above the second: r11 r21 r31 r12 r22 r32.
using Rotation6d = Eigen::Matrix<double, 6, 1>;

/// nullopt unless the quaternion's norm is 1 within 1e-3.
inline std::optional<Eigen::Matrix3d> rotation_from_quaternion(const Quaternion& xyzw) {
  const double norm = xyzw.norm();
  if (!(std::abs(norm - 1.0) <= 1e-3)) return std::nullopt;
  return Eigen::Quaterniond(Eigen::Vector4d(xyzw / norm)).toRotationMatrix();
}

/// The unit quaternion with w >= 0; of the two with w = 0 the one whose first number other than 0 is positive.
inline Quaternion quaternion_from_rotation(const Eigen::Matrix3d& rotation) {
  const Quaternion xyzw = Eigen::Quaterniond(rotation).normalized().coeffs();
  for (const double leading : {xyzw[3], xyzw[0], xyzw[1], xyzw[2]}) {
    if (leading != 0.0) return leading < 0.0 ? Quaternion(-xyzw) : xyzw;
  }
  return xyzw;
}

/// Gram-Schmidt: the first column keeps its direction, the second its half plane. Zhou et al. 2019, Eq. 15.
/// @return nullopt if a column is 0 or not finite, or the two are parallel within 1e-6 rad.
inline std::optional<Eigen::Matrix3d> rotation_from_6d(const Rotation6d& columns) {
  const Eigen::Vector3d first = columns.head<3>().stableNormalized();
  const Eigen::Vector3d second = columns.tail<3>().stableNormalized();
  const Eigen::Vector3d across = second - first.dot(second) * first;
  if (!first.allFinite() || !(first.norm() > 0.5) || !(across.norm() > 1e-6)) return std::nullopt;
  Eigen::Matrix3d rotation;
  rotation.col(0) = first;
  rotation.col(1) = (across - first.dot(across) * first).normalized();
  rotation.col(2) = first.cross(rotation.col(1));
  return rotation;
}

/// The rotation nearest to a matrix; nullopt unless it is one within 1e-4, with determinant +1.
inline std::optional<Eigen::Matrix3d> rotation_from_matrix(const Eigen::Matrix3d& matrix) {
  const double error = (matrix.transpose() * matrix - Eigen::Matrix3d::Identity()).cwiseAbs().maxCoeff();
  if (!(error < 1e-4) || !(matrix.determinant() > 0.0)) return std::nullopt;
  return detail::nearest_rotation(matrix);
}

}  // namespace action_images
