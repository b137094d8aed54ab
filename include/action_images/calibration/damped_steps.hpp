// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

#include <Eigen/Core>

#include <action_images/codec/normal_equations.hpp>

namespace action_images::detail {

/// Solution of the normal equations with their diagonal damped; not finite if they are singular.
inline Eigen::VectorXd damped_solution(Eigen::MatrixXd normal, const Eigen::VectorXd& diagonal,
                                       const Eigen::VectorXd& right, double damping) {
  for (Eigen::Index i = 0; i < diagonal.size(); ++i) normal(i, i) += damping * diagonal[i] + 1e-300;
  return normal_solution<Eigen::Dynamic>(std::move(normal), right);
}

struct Descent {
  int iterations = 0;      ///< steps that lowered the cost
  bool converged = false;  ///< the last step changed the cost by less than the tolerance, or no step lowers it
};

/// Levenberg and Marquardt's method. A problem has `state()`, `set(state)`, `cost()` at its state, `linearise()` there,
/// and `stepped(damping)`: the state after a step with the diagonal of the normal equations times 1 + damping.
/// @param tolerance  relative change of the cost at which to stop.
template <typename Problem>
Descent descend(Problem& problem, int most_iterations, double tolerance = 1e-12) {
  constexpr double most_damping = 1e10;
  Descent descent;
  double damping = 1e-4;
  double cost = problem.cost();
  while (descent.iterations < most_iterations) {
    problem.linearise();
    const auto before = problem.state();
    bool better = false;
    for (; !better && damping < most_damping; damping *= 4.0) {
      problem.set(problem.stepped(damping));
      const double next = problem.cost();
      better = next < cost;
      if (!better) {
        problem.set(before);
        continue;
      }
      descent.converged = cost - next <= tolerance * cost;
      cost = next;
    }
    if (!better) descent.converged = true;
    if (descent.converged) break;
    ++descent.iterations;
    damping = std::max(damping * 0.02, 1e-12);
  }
  return descent;
}

}  // namespace action_images::detail
