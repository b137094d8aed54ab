// SPDX-License-Identifier: Apache-2.0
#include "codec_peaks.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include <action_images/codec/convention.hpp>
#include <action_images/codec/picture.hpp>

namespace action_images::detail {

namespace {

constexpr std::int64_t most_samples = 97;         // of a window's side
constexpr std::int64_t chunk_samples = 1 << 24;   // of the windows that are in memory at a time
constexpr double saturation_reach = 4.0 / 255.0;  // of the top of a saturated blob

/// Square of pixels around an anchor: every `stride`-th in both directions, (2 half + 1)^2 of them.
struct WindowGrid {
  std::int64_t stride;
  std::int64_t half;

  static WindowGrid of(double radius, std::int64_t stride) {
    const auto least = static_cast<std::int64_t>(std::ceil(2.0 * radius / static_cast<double>(most_samples - 1)));
    stride = std::max({stride, least, std::int64_t{1}});
    return {stride, static_cast<std::int64_t>(std::ceil(radius / static_cast<double>(stride)))};
  }
  std::int64_t side() const { return 2 * half + 1; }
};

/// The pixels of all windows, and the basis (1, x, y, x^2 + y^2) of their Gaussians' logarithms in sigmas.
struct Windows {
  at::Tensor responses;  // (M, S) float32
  at::Tensor inside;     // (M, S) float32, 1 inside the picture
  at::Tensor axis;       // (K) float32, S = K K
  at::Tensor basis;      // (S, 4)
  at::Tensor products;   // (S, 16)
};

/// What is known of a channel before its blob is fitted; (M, 1) float32.
struct ChannelLevels {
  at::Tensor floor, base, clip;
};

/// Logarithm of a Gaussian and how it is fitted. M = 3 N.
struct Fit {
  at::Tensor anchor;     // (N, 3, 2) int64, column and row
  at::Tensor model;      // (M, 4) float64: c0 + cx x + cy y + k (x^2 + y^2)
  at::Tensor ceiling;    // (M, 1) float32
  at::Tensor tolerance;  // (M, 1) float32
  at::Tensor found;      // (M) bool
};

/// Sums of a Gauss-Newton step; float64.
struct StepSums {
  at::Tensor inverse;   // (M, 4, 4) of the normal matrix with the pull towards the expected width
  at::Tensor delta;     // (M, 4)
  at::Tensor variance;  // (M) of the residuals
  at::Tensor count;     // (M)
};

/// Inverses of positive definite matrices (..., n, n), by elimination without pivots.
at::Tensor inverse_of(const at::Tensor& matrix) {
  const std::int64_t n = matrix.size(-1);
  const at::Tensor eye = at::eye(n, matrix.options());
  at::Tensor rows = at::cat({matrix, eye.expand_as(matrix)}, -1);
  for (std::int64_t c = 0; c < n; ++c) {
    const at::Tensor column = rows.select(-1, c);
    const at::Tensor row = rows.select(-2, c) / column.narrow(-1, c, 1);
    rows = rows - (column - eye[c]).unsqueeze(-1) * row.unsqueeze(-2);
  }
  return rows.narrow(-1, n, n);
}

at::Tensor center_of(const at::Tensor& model) { return model.narrow(-1, 1, 2) / (-2.0 * model.narrow(-1, 3, 1)); }
at::Tensor height_of(const at::Tensor& model) {
  return (model.select(-1, 0) - model.narrow(-1, 1, 2).square().sum(-1) / (4.0 * model.select(-1, 3))).exp();
}

at::Tensor is_blob(const at::Tensor& model) {
  const at::Tensor k = model.select(-1, 3);
  const at::Tensor slope = at::linalg_vector_norm(model.narrow(-1, 1, 2), 2, {-1});
  return (k < -0.03) & (k > -8.0) & (model.select(-1, 0) < 3.0) & (slope < -6.0 * k) & at::isfinite(model).all(-1);
}

at::Tensor moved(const at::Tensor& model, const at::Tensor& shift) {
  const at::Tensor k = model.narrow(-1, 3, 1);
  const at::Tensor at_zero =
      model.narrow(-1, 0, 1) + (model.narrow(-1, 1, 2) * shift).sum(-1, true) + k * shift.square().sum(-1, true);
  return at::cat({at_zero, model.narrow(-1, 1, 2) + 2.0 * k * shift, k}, -1);
}

Windows load(const at::Tensor& pictures, const at::Tensor& anchor, const WindowGrid& grid, const PictureSize& size,
             const at::Tensor& floor) {
  const at::Tensor steps = at::arange(-grid.half, grid.half + 1, anchor.options()) * grid.stride;
  const at::Tensor x = anchor.select(-1, 0).unsqueeze(-1) + steps;  // (N, 3, K)
  const at::Tensor y = anchor.select(-1, 1).unsqueeze(-1) + steps;
  const at::Tensor x_inside = (x >= 0) & (x < size.width);
  const at::Tensor y_inside = (y >= 0) & (y < size.height);
  const at::Tensor channel = at::arange(3, anchor.options()).view({3, 1, 1});
  const at::Tensor row = y.clamp(0, size.height - 1).unsqueeze(-1) * size.width;
  const at::Tensor place = (row + x.clamp(0, size.width - 1).unsqueeze(-2)) * 3 + channel;
  const std::int64_t count = pictures.size(0), samples = grid.side() * grid.side();
  Windows windows;
  const at::Tensor values = pictures.view({count, -1}).gather(1, place.view({count, -1}));
  windows.responses = responses_of(values).view({3 * count, samples}) - floor;
  windows.inside = (y_inside.unsqueeze(-1) & x_inside.unsqueeze(-2)).view({3 * count, samples}).to(at::kFloat);
  windows.axis = (steps.to(at::kDouble) / size.sigma).to(at::kFloat);
  const at::Tensor along_x = windows.axis.unsqueeze(0).expand({grid.side(), grid.side()}).reshape({samples});
  const at::Tensor along_y = windows.axis.unsqueeze(1).expand({grid.side(), grid.side()}).reshape({samples});
  windows.basis = at::stack({at::ones_like(along_x), along_x, along_y, along_x.square() + along_y.square()}, -1);
  windows.products = (windows.basis.unsqueeze(-1) * windows.basis.unsqueeze(-2)).view({samples, 16});
  return windows;
}

/// Normal matrix (M, 4, 4) and right-hand side (M, 4) of weights (M, S) and weighted residuals (M, S).
std::pair<at::Tensor, at::Tensor> normal_equations(const Windows& windows, const at::Tensor& weight,
                                                   const at::Tensor& right) {
  return {at::mm(weight, windows.products).to(at::kDouble).view({-1, 4, 4}),
          at::mm(right, windows.basis).to(at::kDouble)};
}

/// Adds a pull of k towards the expected -1/2. @param pull  (M).   @param k  what is missing to it, (M).
void add_pull(at::Tensor& normal, at::Tensor& right, const at::Tensor& pull, const at::Tensor& k) {
  normal = normal.clone();
  right = right.clone();
  normal.select(-1, 3).select(-1, 3).add_(pull);
  right.select(-1, 3).add_(pull * k);
}

/// The responses that the models expect, (M, S) float32.
at::Tensor expected_of(const Windows& windows, const at::Tensor& model) {
  const auto c = model.to(at::kFloat).unsqueeze(-1).unbind(-2);  // (M, 1) each
  const at::Tensor& t = windows.axis;
  const at::Tensor along_x = (t * (c[1] + c[3] * t)).exp();
  const at::Tensor along_y = (c[0] + t * (c[2] + c[3] * t)).exp();
  return (along_y.unsqueeze(-1) * along_x.unsqueeze(-2)).view_as(windows.responses);
}

at::Tensor fit_level(const at::Tensor& height, const ChannelLevels& levels, double sigma) {
  const at::Tensor above_base = levels.base + (sigma < 1.5 ? 0.1 : 0.15) * (height - levels.base);
  return at::maximum(above_base, at::minimum(levels.clip, 0.7 * height));
}

/// A Gauss-Newton step of the fit to the responses; see ResponseTerms for the weights.
StepSums step_of(const Windows& windows, const Fit& fit, const ChannelLevels& levels, double sigma, double noise) {
  const at::Tensor height = height_of(fit.model).to(at::kFloat).unsqueeze(-1);
  const at::Tensor level = fit_level(height, levels, sigma);
  const at::Tensor expected = expected_of(windows, fit.model);
  const at::Tensor residual = windows.responses - expected;
  const at::Tensor gate = (at::minimum(expected - level, fit.ceiling - expected) / (0.02 * height)).clamp(0.0, 1.0);
  const at::Tensor trust = gate * windows.inside / (1.0 + (residual / fit.tolerance).square());
  const at::Tensor pulled = trust * expected;
  auto [normal, right] = normal_equations(windows, pulled * expected, pulled * residual);
  StepSums sums;
  sums.count = trust.sum(-1).to(at::kDouble);
  const at::Tensor squares = (trust * residual.square()).sum(-1).to(at::kDouble);
  const at::Tensor freedom = (sums.count - 4.0).clamp_min(0.5);
  add_pull(normal, right, 4.0 * (squares / freedom).clamp_min(noise * noise), -0.5 - fit.model.select(-1, 3));
  sums.inverse = inverse_of(normal);
  sums.delta = (sums.inverse * right.unsqueeze(-2)).sum(-1);
  const at::Tensor left = (squares - (sums.delta * right).sum(-1)).clamp_min(0.0);
  sums.variance = (left / freedom).clamp_min(noise * noise);
  return sums;
}

/// Steps; a blob whose step leads nowhere stays as it is, and is lost if it was the last one.
StepSums improve(Fit& fit, int steps, const Windows& windows, const ChannelLevels& levels, double sigma, double noise) {
  StepSums sums;
  for (int i = 0; i < steps; ++i) {
    sums = step_of(windows, fit, levels, sigma, noise);
    const at::Tensor next = fit.model + sums.delta;
    const at::Tensor good = is_blob(next) & (sums.count >= 3.0);
    fit.model = at::where(good.unsqueeze(-1), next, fit.model);
    if (i + 1 == steps) fit.found = fit.found & good;
  }
  return sums;
}

/// Top of saturated blobs, see `ceiling_of` of peak.hpp; (M, 1).
at::Tensor ceilings(const Windows& windows) {
  const at::Tensor responses =
      at::where(windows.inside > 0.0, windows.responses, at::full_like(windows.responses, -1.0));
  const at::Tensor top = responses.amax(-1, true);
  const at::Tensor high = (responses >= top - saturation_reach).sum(-1, true);
  const at::Tensor half = (responses >= 0.5 * top).sum(-1, true);
  return at::where((high >= 6) & (high > 0.12 * half), top - saturation_reach, at::full_like(top, 1e3));
}

/// Fit of the logarithm around the brightest place.
Fit look_roughly(const Windows& windows, const at::Tensor& anchor, const at::Tensor& bright,
                 const ChannelLevels& levels) {
  Fit fit{anchor, {}, ceilings(windows), {}, bright};
  const at::Tensor near = windows.inside * (windows.basis.select(-1, 3) <= 0.3).to(at::kFloat);
  const at::Tensor height =
      ((near * windows.responses).sum(-1, true) / near.sum(-1, true).clamp_min(1.0)).clamp_min(1e-3);
  fit.found = fit.found & (height - levels.base > 0.05).squeeze(-1);
  const at::Tensor threshold =
      at::maximum(levels.base + 0.35 * (height - levels.base), at::minimum(levels.clip, 0.8 * height));
  const at::Tensor& r = windows.responses;
  const at::Tensor gate = windows.inside * ((r > threshold) & (r < fit.ceiling)).to(at::kFloat);
  const at::Tensor weight = gate * r.square();
  auto [normal, right] = normal_equations(windows, weight, weight * r.clamp_min(1e-4).log());
  add_pull(normal, right, at::full({}, 0.02, normal.options()), at::full({}, -0.5, normal.options()));
  const at::Tensor solved = (inverse_of(normal) * right.unsqueeze(-2)).sum(-1);
  const at::Tensor zero = at::zeros_like(height);
  const at::Tensor plain = at::cat({height.log(), zero, zero, zero - 0.5}, -1).to(at::kDouble);
  fit.model = at::where(is_blob(solved).unsqueeze(-1), solved, plain);
  fit.tolerance = 0.15 * height;
  return fit;
}

/// Puts the anchor on the pixel of the maximum.
void move_anchor(Fit& fit, const PictureSize& size) {
  const at::Tensor step = (center_of(fit.model) * size.sigma).nan_to_num(0.0, 0.0, 0.0).round();
  fit.model = moved(fit.model, step / size.sigma);
  fit.anchor = fit.anchor + step.to(at::kLong).view_as(fit.anchor);
}

at::Tensor share_inside(const at::Tensor& center, double count, const at::Tensor& sigma) {
  const at::Tensor scale = std::sqrt(0.5) / sigma;
  return 0.5 * (((count - 0.5 - center) * scale).erf() + ((center + 0.5) * scale).erf());
}

/// See PeakSearch::score_of.
at::Tensor score_of(const TensorPeaks& peaks, const at::Tensor& height, const at::Tensor& noise,
                    const PictureSize& size) {
  const at::Tensor share = share_inside(peaks.index.select(-1, 0), static_cast<double>(size.width), peaks.sigma) *
                           share_inside(peaks.index.select(-1, 1), static_cast<double>(size.height), peaks.sigma);
  const at::Tensor width = (peaks.sigma / size.sigma).log2();
  return (height / 0.6).clamp_max(1.0) * (share / 0.6).clamp_max(1.0) * (-0.5 * width.square()).exp() /
         (1.0 + (noise / (0.2 * height)).square());
}

/// Where the maximum is, and how well that is known.
TensorPeaks measured(const Fit& fit, const StepSums& sums, const ChannelLevels& levels, const PictureSize& size) {
  const at::Tensor k = fit.model.select(-1, 3), zero = at::zeros_like(k);
  const auto by_k = fit.model.narrow(-1, 1, 2).unbind(-1);
  const at::Tensor jacobian = at::stack({at::stack({zero, -0.5 / k, zero, by_k[0] / (2.0 * k * k)}, -1),
                                         at::stack({zero, zero, -0.5 / k, by_k[1] / (2.0 * k * k)}, -1)},
                                        -2);
  const at::Tensor variance = sums.variance.unsqueeze(-1).unsqueeze(-1) * size.sigma * size.sigma;
  const at::Tensor height = height_of(fit.model), noise = sums.variance.sqrt();
  TensorPeaks peaks;
  peaks.index = fit.anchor.to(at::kDouble).view({-1, 2}) + size.sigma * center_of(fit.model);
  peaks.covariance = variance * at::matmul(at::matmul(jacobian, sums.inverse), jacobian.transpose(-1, -2)) +
                     1e-8 * at::eye(2, k.options());
  peaks.sigma = size.sigma * (-0.5 / k).sqrt();
  peaks.score = score_of(peaks, height, noise, size);
  const at::Tensor height_error = (sums.variance * sums.inverse.select(-1, 0).select(-1, 0)).sqrt();
  peaks.found = fit.found & (height - levels.base.squeeze(-1) > least_height) & (noise <= 0.5 * height) &
                (height_error <= 0.3) & at::isfinite(peaks.covariance).flatten(-2).all(-1);
  for (at::Tensor* part : {&peaks.index, &peaks.covariance, &peaks.sigma, &peaks.score, &peaks.found}) {
    *part = part->unflatten(0, {-1, 3});
  }
  return peaks;
}

/// Means of cells of about one sigma.
struct Survey {
  at::Tensor means;     // (N, 3, rows, columns)
  at::Tensor smoothed;  // the same with weights 1 2 1 per axis
  SurveyGrid grid;
};

at::Tensor one_two_one(const at::Tensor& map) {
  const at::Tensor padded = at::constant_pad_nd(map, {1, 1, 1, 1});
  const auto sum = [](const at::Tensor& values, std::int64_t axis) {
    const std::int64_t size = values.size(axis) - 2;
    return values.narrow(axis, 0, size) + 2.0 * values.narrow(axis, 1, size) + values.narrow(axis, 2, size);
  };
  return sum(sum(padded, 2), 3);
}

Survey survey(const at::Tensor& pictures, const PictureSize& size) {
  Survey result;
  result.grid = survey_grid(size.sigma, static_cast<std::size_t>(size.height), static_cast<std::size_t>(size.width));
  const auto rows = static_cast<std::int64_t>(result.grid.row_stride);
  const auto columns = static_cast<std::int64_t>(result.grid.column_stride);
  const auto cell = static_cast<std::int64_t>(result.grid.cell);
  const at::Tensor samples = pictures.slice(1, 0, size.height, rows).slice(2, 0, size.width, columns);
  const at::Tensor responses = responses_of(samples).permute({0, 3, 1, 2}).contiguous();
  const std::int64_t kernel_rows = std::min(cell / rows, responses.size(2));
  const std::int64_t kernel_columns = std::min(cell / columns, responses.size(3));
  result.means = at::avg_pool2d(responses, {kernel_rows, kernel_columns}, {kernel_rows, kernel_columns}, {0, 0},
                                /*ceil_mode=*/true, /*count_include_pad=*/false);
  result.smoothed = one_two_one(result.means) / one_two_one(at::ones_like(result.means[0]).unsqueeze(0));
  return result;
}

/// The middle of the brightest cell. @return (N, 3, 2) int64, column and row.
at::Tensor brightest(const Survey& survey, const at::Tensor& place, const PictureSize& size) {
  const std::int64_t columns = survey.smoothed.size(3);
  const auto middle = [&](const at::Tensor& index, std::size_t stride, std::int64_t count) {
    const auto cell = static_cast<std::int64_t>(survey.grid.cell);
    return (index * cell + (cell - static_cast<std::int64_t>(stride)) / 2).clamp_max(count - 1);
  };
  return at::stack({middle(place.remainder(columns), survey.grid.column_stride, size.width),
                    middle(place.floor_divide(columns), survey.grid.row_stride, size.height)},
                   -1);
}

/// @param background  (N).
ChannelLevels levels_of(const Survey& survey, const at::Tensor& background) {
  const at::Tensor cells = std::get<0>(survey.means.flatten(2).sort(-1));
  const at::Tensor quartile = cells.select(-1, cells.size(-1) / 4);  // (N, 3)
  const at::Tensor is_blue = at::arange(3, quartile.options()) == 2.0;
  const at::Tensor zero = at::zeros_like(quartile);
  const auto column = [](const at::Tensor& values) { return values.reshape({-1, 1}); };
  return {column(at::where(is_blue, zero, quartile)),
          column(at::where(is_blue, background.to(at::kFloat).unsqueeze(-1), zero)),
          column(at::where(is_blue, at::full_like(zero, background_level + 0.03), zero))};
}

TensorPeaks find_in_chunk(const at::Tensor& pictures, const at::Tensor& background, const PictureSize& size) {
  const double noise = pictures.scalar_type() == at::kByte ? 0.3 / 255.0 : 1e-5;
  const Survey look = survey(pictures, size);
  const auto [mode, place] = look.smoothed.flatten(2).max(-1);
  const ChannelLevels levels = levels_of(look, background);
  const at::Tensor bright = mode.view({-1}) - (levels.floor + levels.base).squeeze(-1) > 0.4 * least_height;
  const at::Tensor anchor = brightest(look, place, size);
  const WindowGrid rough =
      WindowGrid::of(std::max(2.5 * size.sigma, 2.0), static_cast<std::int64_t>(look.grid.column_stride));
  Windows windows = load(pictures, anchor, rough, size, levels.floor);
  Fit fit = look_roughly(windows, anchor, bright, levels);
  improve(fit, 3, windows, levels, size.sigma, noise);
  move_anchor(fit, size);
  windows = load(pictures, fit.anchor, WindowGrid::of(std::max(2.5 * size.sigma, 2.0), 1), size, levels.floor);
  const StepSums sums = improve(fit, 4, windows, levels, size.sigma, noise);
  return measured(fit, sums, levels, size);
}

}  // namespace

at::Tensor responses_of(const at::Tensor& pixels) {
  const at::Tensor values = pixels.to(at::kFloat);
  return pixels.scalar_type() == at::kByte ? values * (1.0 / 255.0) : values;
}

BackgroundLevel background_level_of(const at::Tensor& responses) {
  const at::Tensor sorted = std::get<0>(responses.clamp(0.0, 1.0).sort(-1));
  const at::Tensor values = sorted.to(at::kDouble);
  constexpr double limit = (static_cast<int>(1.5 * background_level * 255.0 + 0.5) - 0.5) / 255.0;
  const at::Tensor below = (values < limit).sum(-1, true).to(at::kDouble);
  const at::Tensor dark_ones = (values < 0.5 / 255.0).to(at::kDouble);
  const at::Tensor dark = dark_ones.sum(-1, true) / below;
  const at::Tensor tail = dark.clamp_min(0.25);
  const at::Tensor rank = at::arange(values.size(-1), values.options());
  const at::Tensor middle =
      (at::minimum(rank + 1.0, (1.0 - tail) * below) - at::maximum(rank, tail * below)).clamp(0.0, 1.0);
  const at::Tensor weight = at::where(dark < 0.499, middle, dark_ones);
  const at::Tensor mean = (weight * values).sum(-1, true) / weight.sum(-1, true);
  const at::Tensor share = ((values - mean).abs() <= 15.5 / 255.0).to(at::kDouble).mean(-1);
  return {mean.squeeze(-1), at::where(below.squeeze(-1) > 0.0, share, at::zeros_like(share))};
}

TensorPeaks find_peaks(const at::Tensor& pictures, const at::Tensor& background, const PictureSize& size) {
  const WindowGrid grid = WindowGrid::of(2.5 * size.sigma, 1);
  const std::int64_t chunk = std::max<std::int64_t>(1, chunk_samples / (3 * grid.side() * grid.side()));
  std::array<std::vector<at::Tensor>, 5> parts;
  for (std::int64_t begin = 0; begin < pictures.size(0); begin += chunk) {
    const std::int64_t count = std::min(chunk, pictures.size(0) - begin);
    const TensorPeaks peaks = find_in_chunk(pictures.narrow(0, begin, count), background.narrow(0, begin, count), size);
    const std::array<at::Tensor, 5> found{peaks.index, peaks.covariance, peaks.sigma, peaks.score, peaks.found};
    for (std::size_t i = 0; i < 5; ++i) parts[i].push_back(found[i]);
  }
  return {at::cat(parts[0]), at::cat(parts[1]), at::cat(parts[2]), at::cat(parts[3]), at::cat(parts[4])};
}

}  // namespace action_images::detail
