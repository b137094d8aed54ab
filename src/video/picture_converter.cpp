// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include "picture_converter.hpp"

#include <algorithm>

#include <action_images/core/center_crop.hpp>

namespace action_images::ffmpeg {
namespace {

struct PictureCrop {
  AxisCrop rows;
  AxisCrop columns;
};

PictureCrop crop_of(const AVFrame& frame, int height, int width) {
  const CropBox box = center_crop(frame.height, frame.width, height, width);
  return {{frame.height, box.y, box.height, height}, {frame.width, box.x, box.width, width}};
}

/// From swscale's coefficients, with the range and the offsets of the samples.
ColourMatrix colour_matrix(const AVFrame& frame, bool full_range) {
  const int* coefficients = colour_coefficients(frame);
  const double chroma = (full_range ? 224.0 / 255.0 : 1.0) / 65536.0;
  const double luma = full_range ? 1.0 : 255.0 / 219.0;
  const double black = full_range ? 0.0 : 16.0;
  const double red_v = chroma * coefficients[0], blue_u = chroma * coefficients[1];
  const double green_u = -chroma * coefficients[2], green_v = -chroma * coefficients[3];
  const auto offset = [&](double of_chroma) { return static_cast<float>(-luma * black - 128.0 * of_chroma); };
  return {static_cast<float>(luma),    static_cast<float>(red_v),
          static_cast<float>(green_u), static_cast<float>(green_v),
          static_cast<float>(blue_u),  offset(red_v),
          offset(green_u + green_v),   offset(blue_u)};
}

bool has_planes(AVPixelFormat format) {
  return format == AV_PIX_FMT_YUV420P || format == AV_PIX_FMT_YUV422P || format == AV_PIX_FMT_YUV444P;
}

}  // namespace

PlaneResampler::PlaneResampler(AxisFilter rows, AxisFilter columns)
    : rows_(std::move(rows)),
      columns_(std::move(columns)),
      width_(static_cast<int>(columns_.first.size())),
      begin_(columns_.begin()),
      end_(columns_.end()),
      copies_(columns_.taps == 1 && end_ - begin_ == width_),
      margin_(columns_.doubling_begin ? begin_ - *columns_.doubling_begin : 0),
      line_stride_(padded_width(std::max(end_ - begin_ + margin_, width_ / 2 + 4))),
      lines_(static_cast<std::size_t>(line_stride_ * lanes)),
      turned_(lines_.size()),
      kernels_(row_kernels()) {
  for (std::int32_t& first : columns_.first) first -= begin_;
}

void PlaneResampler::vertical(const std::uint8_t* plane, std::ptrdiff_t stride, int y, float* out) const {
  const std::size_t row = std::min(static_cast<std::size_t>(y), rows_.first.size() - 1);
  const std::uint8_t* source = plane + rows_.first[row] * stride + begin_;
  const float* weights = rows_.weights.data() + row * static_cast<std::size_t>(rows_.taps);
  kernels_.vertical(source, stride, weights, rows_.taps, out, end_ - begin_);
}

void PlaneResampler::rows(const std::uint8_t* plane, std::ptrdiff_t stride, int y, float* out) {
  const std::ptrdiff_t out_stride = padded_width(width_);
  for (int r = 0; r < lanes; ++r) {
    float* line = copies_ ? out + r * out_stride : lines_.data() + r * line_stride_ + margin_;
    vertical(plane, stride, y + r, line);
    if (columns_.doubling_begin) double_line(line - margin_, out + r * out_stride);
  }
  if (copies_ || columns_.doubling_begin) return;
  kernels_.transpose(lines_.data(), line_stride_, turned_.data(), static_cast<int>(line_stride_));
  kernels_.horizontal(turned_.data(), columns_, out, out_stride);
}

/// Beyond the edges, the edge's sample.
void PlaneResampler::double_line(float* line, float* out) const {
  const int used = margin_ + end_ - begin_;
  std::fill(line, line + margin_, line[margin_]);
  std::fill(line + used, line + line_stride_, line[used - 1]);
  kernels_.doubling(line, columns_.doubling_weights.data(), out, width_ / 2);
}

void PictureConverter::prepare(const AVFrame& frame) {
  const SampleFormat source = sample_format(frame);
  const PictureCrop crop = crop_of(frame, height_, width_);
  luma_.emplace(triangle_filter(crop.rows), triangle_filter(crop.columns));
  if (has_planes(source.format)) {
    const AVPixFmtDescriptor& format = *av_pix_fmt_desc_get(source.format);
    chroma_.emplace(subsampled_filter(crop.rows, AV_CEIL_RSHIFT(frame.height, format.log2_chroma_h)),
                    subsampled_filter(crop.columns, AV_CEIL_RSHIFT(frame.width, format.log2_chroma_w)));
    matrix_ = colour_matrix(frame, source.full_range);
  }
  rows_.resize(3 * static_cast<std::size_t>(lanes * PlaneResampler::padded_width(width_)));
  prepared_for_ = {frame.format, frame.color_range, frame.colorspace};
}

void PictureConverter::convert(const AVFrame& frame, std::uint8_t* rgb) {
  if (prepared_for_ != std::array<int, 3>{frame.format, frame.color_range, frame.colorspace}) prepare(frame);
  if (has_planes(sample_format(frame).format)) {
    convert_planes(frame, rgb);
  } else if (frame.height == height_ && frame.width == width_) {
    reader_.convert(frame, rgb);
  } else {
    convert_rgb(frame, rgb);
  }
}

void PictureConverter::convert_planes(const AVFrame& frame, std::uint8_t* rgb) {
  const std::ptrdiff_t stride = PlaneResampler::padded_width(width_);
  float *y = rows_.data(), *u = y + lanes * stride, *v = u + lanes * stride;
  for (int row = 0; row < height_; row += lanes) {
    luma_->rows(frame.data[0], frame.linesize[0], row, y);
    chroma_->rows(frame.data[1], frame.linesize[1], row, u);
    chroma_->rows(frame.data[2], frame.linesize[2], row, v);
    for (int r = 0; r < std::min(lanes, height_ - row); ++r, rgb += 3 * width_) {
      row_kernels().yuv_to_rgb({y + r * stride, u + r * stride, v + r * stride}, matrix_, rgb, width_);
    }
  }
}

void PictureConverter::convert_rgb(const AVFrame& frame, std::uint8_t* rgb) {
  const auto pixels = static_cast<std::size_t>(frame.height) * static_cast<std::size_t>(frame.width);
  full_.resize(6 * pixels);
  reader_.convert(frame, full_.data());
  std::uint8_t* planes = full_.data() + 3 * pixels;
  for (std::size_t i = 0; i < 3 * pixels; ++i) planes[i % 3 * pixels + i / 3] = full_[i];
  const std::ptrdiff_t stride = PlaneResampler::padded_width(width_);
  float *red = rows_.data(), *green = red + lanes * stride, *blue = green + lanes * stride;
  for (int row = 0; row < height_; row += lanes) {
    luma_->rows(planes, frame.width, row, red);
    luma_->rows(planes + pixels, frame.width, row, green);
    luma_->rows(planes + 2 * pixels, frame.width, row, blue);
    for (int r = 0; r < std::min(lanes, height_ - row); ++r, rgb += 3 * width_) {
      row_kernels().pack_rgb({red + r * stride, green + r * stride, blue + r * stride}, rgb, width_);
    }
  }
}

}  // namespace action_images::ffmpeg
#endif
