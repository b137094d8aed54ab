// SPDX-License-Identifier: Apache-2.0
#ifdef ACTION_IMAGES_WITH_FFMPEG
#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <numeric>
#include <random>
#include <thread>

#include "../../src/video/decoder.hpp"
#include "../../src/video/frame_decoder.hpp"
#include "encoded.hpp"

#include <action_images/core/center_crop.hpp>
#include <action_images/core/interrupted.hpp>

using namespace action_images;
using namespace action_images::test;

namespace {

using Numbers = std::vector<std::int64_t>;

Numbers all_of(const VideoReader& reader) {
  Numbers numbers(static_cast<std::size_t>(reader.frames()));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

/// Random numbers below `count`, with repeats, in any order.
Numbers drawn(std::int64_t count, std::size_t size, unsigned seed) {
  std::mt19937 generator(seed);
  Numbers numbers(size);
  for (std::int64_t& number : numbers) number = std::uniform_int_distribution<std::int64_t>(0, count - 1)(generator);
  return numbers;
}

int largest_difference(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  REQUIRE(a.size() == b.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(int(a[i]) - int(b[i])));
  return largest;
}

/// The samples of a decoded frame, plane after plane.
std::string planes(const AVFrame& frame) {
  const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(AVPixelFormat(frame.format));
  std::string samples;
  for (int plane = 0; plane < av_pix_fmt_count_planes(AVPixelFormat(frame.format)); ++plane) {
    const bool chroma = plane > 0 && (format->flags & AV_PIX_FMT_FLAG_RGB) == 0;
    const int rows = chroma ? AV_CEIL_RSHIFT(frame.height, format->log2_chroma_h) : frame.height;
    const int bytes = av_image_get_linesize(AVPixelFormat(frame.format), frame.width, plane);
    for (int y = 0; y < rows; ++y) samples.append((const char*)frame.data[plane] + y * frame.linesize[plane], bytes);
  }
  return samples;
}

/// Checks random lists of frames of a file against decoding all of it in order, plane by plane and as RGB.
void check_random_access(const std::filesystem::path& path, std::int64_t frames, int threads = 1) {
  CAPTURE(path);
  std::vector<std::string> expected;
  ffmpeg::Decoder decoder(path, "test");
  while (const AVFrame* frame = decoder.next()) expected.push_back(planes(*frame));
  const VideoReader reader(path, {.threads = threads});
  REQUIRE(reader.frames() == frames);
  REQUIRE(std::int64_t(expected.size()) == frames);

  const auto index = ffmpeg::make_index(path, "test");
  for (unsigned seed = 0; seed < 6; ++seed) {
    Numbers numbers = drawn(frames, 1 + seed * 2, seed);
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    std::map<std::int64_t, std::string> decoded;
    ffmpeg::FrameDecoder(index, threads, {"test", path})
        .decode(
            numbers, [&](std::int64_t number, const AVFrame& frame) { decoded[number] = planes(frame); }, [] {});
    REQUIRE(decoded.size() == numbers.size());
    for (const std::int64_t number : numbers) CHECK(decoded[number] == expected[std::size_t(number)]);
  }

  const VideoFrames all = reader.read(all_of(reader));
  CHECK(largest_difference(all.rgb, read_video(path).rgb) <= 1);
  const Numbers numbers = drawn(frames, 9, 7);
  const VideoFrames some = reader.read(numbers);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    CHECK(std::memcmp(some.frame(int(i)), all.frame(int(numbers[i])), all.frame_size()) == 0);
  }
}

}  // namespace

TEST_CASE("any frames in any order are those of decoding everything, bit by bit, whatever the groups of pictures") {
  const Folder folder;
  const VideoFrames video = waves(60, 48, 64);
  int number = 0;
  for (const std::string parameters :
       {"keyint=250:scenecut=0:bframes=3", "keyint=12:bframes=0", "keyint=12:bframes=3:open-gop=1:b-pyramid=normal",
        "keyint=9:bframes=2:b-pyramid=strict:ref=4", "keyint=30:bframes=5:weightp=2:ref=6:cabac=0", "keyint=1",
        "keyint=20:intra-refresh=1", "keyint=12:slices=4:bframes=1:interlaced=1"}) {
    CAPTURE(parameters);
    const auto path = folder / (std::to_string(number++) + ".mp4");
    encode_to(path, video, {.parameters = parameters});
    check_random_access(path, 60);
    check_random_access(path, 60, 3);
  }
}

TEST_CASE("other containers, with and without times, and other codecs give the same frames by number") {
  const Folder folder;
  const VideoFrames video = waves(30, 48, 64);
  for (const std::string name : {"a.mkv", "a.mov", "a.ts", "a.avi", "a.h264", "a.flv"}) {
    encode_to(folder / name, video, {.parameters = "keyint=10:bframes=2"});
    check_random_access(folder / name, 30);
  }
  for (const std::string codec : {"mpeg4", "mpeg2video", "libvpx", "libvpx-vp9", "ffv1", "libx265"}) {
    const auto path = folder / (codec + ".mkv");
    if (avcodec_find_encoder_by_name(codec.c_str()) == nullptr) continue;
    CAPTURE(codec);
    encode_to(path, video, {.codec = codec});
    check_random_access(path, 30);
  }
  encode_to(folder / "mpeg4.mp4", video, {.codec = "mpeg4"});
  check_random_access(folder / "mpeg4.mp4", 30);
}

TEST_CASE("frames that an edit list cuts off are not counted") {
  const Folder folder;
  Encoding encoding{.parameters = "keyint=12:bframes=2"};
  for (int i = 0; i < 40; ++i) encoding.times.push_back(40 * (i - 7));  // seven before zero, within a group of pictures
  encode_to(folder / "a.mp4", waves(40, 48, 64), encoding);
  check_random_access(folder / "a.mp4", read_video(folder / "a.mp4").frames);
  CHECK(VideoReader(folder / "a.mp4").frames() == 33);
}

TEST_CASE("no more packets are decoded than the frames need") {
  const Folder folder;
  const auto packets = [&](const std::string& parameters, const Numbers& numbers,
                           const std::string& codec = "libx264") {
    encode_to(folder / "a.mp4", waves(60, 48, 64), {.codec = codec, .parameters = parameters});
    ffmpeg::FrameDecoder decoder(ffmpeg::make_index(folder / "a.mp4", "test"), 1, {"test", folder / "a.mp4"});
    decoder.decode(
        numbers, [](std::int64_t, const AVFrame&) {}, [] {});
    return decoder.packets();
  };
  const std::string key_12 = "scenecut=0:bframes=0:keyint=12";
  CHECK(packets(key_12, {0}) == 1);
  CHECK(packets(key_12, {24}) == 1);
  CHECK(packets(key_12, {26}) == 3);
  CHECK(packets(key_12, {2, 26, 30}) == 3 + 7);
  CHECK(packets(key_12, {11, 12}) == 13);
  CHECK(packets("keyint=1", {5, 20, 59}) == 3);
  // Every other picture is a B-picture on which nothing leans.
  const std::string others = "scenecut=0:bframes=1:b-adapt=0:keyint=250";
  CHECK(packets(others, {0, 2, 4, 6, 8, 10}) == 6);
  CHECK(packets(others, {50}) == 26);
  CHECK(packets(others, {49}) == 27);
  // An open group of pictures of HEVC is entered at its key picture.
  if (avcodec_find_encoder_by_name("libx265") == nullptr) return;
  CHECK(packets("keyint=12:min-keyint=12:scenecut=0:bframes=2:open-gop=1", {59}, "libx265") <= 12);
}

TEST_CASE("frames of unequal duration are found by their times, within the tolerance") {
  const Folder folder;
  const auto path = folder / "a.mp4";
  const std::vector<std::int64_t> times = {0, 40, 200, 220, 500, 1000, 1040};  // [ms]
  encode_to(path, waves(7, 48, 64), {.parameters = "bframes=2", .times = times});
  check_random_access(path, 7);
  const VideoReader reader(path);
  REQUIRE(reader.times().size() == 7);
  const double first = reader.times()[0];
  for (std::size_t i = 0; i < 7; ++i) CHECK(reader.times()[i] - first == doctest::Approx(1e-3 * double(times[i])));
  CHECK(reader.frames_at(std::vector{first + 0.21, first + 0.05, first + 1.9, first - 0.5}, 1.0) ==
        Numbers{2, 1, 6, 0});
  const std::string text = error_of([&] { reader.frames_at(std::vector{first + 0.3}, 0.05); });
  CHECK(text.find("[video::VideoReader::frames_at] seconds of " + path.string() +
                  ": expected times within 0.05 s of a "
                  "frame") == 0);
  CHECK(error_of([&] { reader.frames_at(std::vector{std::nan("")}, 1.0); }) != "");
  CHECK(error_of([&] { reader.frames_at(std::vector{0.0}, -1.0); }).find("tolerance") != std::string::npos);
}

TEST_CASE("a video without times has those of its frame rate") {
  const Folder folder;
  encode_to(folder / "a.h264", waves(10, 48, 64), {.parameters = "bframes=0"});
  const VideoReader reader(folder / "a.h264");
  REQUIRE(reader.times().size() == 10);
  CHECK(reader.times()[5] == doctest::Approx(5 / reader.fps()));
}

TEST_CASE("pictures of a video in full range, with full colour or without YUV are those of read_video within a level") {
  const Folder folder;
  for (const auto& [height, width] : {std::pair{48, 64}, {47, 63}, {50, 34}}) {
    const VideoFrames video = waves(4, height, width);
    for (const VideoOptions& options :
         {VideoOptions{}, VideoOptions{.pixel_format = "yuv422p"}, VideoOptions{.pixel_format = "yuv444p"},
          VideoOptions{.codec = "libx264rgb", .pixel_format = "rgb24"}, VideoOptions{.pixel_format = "yuvj420p"},
          VideoOptions{.pixel_format = "yuv420p10le"}}) {
      if (options.pixel_format.find("42") != std::string::npos && (height % 2 != 0 || width % 2 != 0)) continue;
      CAPTURE(options.pixel_format);
      write_video(folder / "a.mp4", video, options);
      const VideoFrames expected = read_video(folder / "a.mp4");
      CHECK(largest_difference(VideoReader(folder / "a.mp4").read(Numbers{0, 1, 2, 3}).rgb, expected.rgb) <= 1);
    }
  }
}

namespace {

/// One bright soft spot on black, centred at (x, y) [px].
VideoFrames spot(int height, int width, double x, double y) {
  VideoFrames video{.rgb = {}, .frames = 1, .height = height, .width = width, .fps = 25};
  for (int i = 0; i < height; ++i) {
    for (int j = 0; j < width; ++j) {
      const double squared = std::pow(j + 0.5 - x, 2) + std::pow(i + 0.5 - y, 2);
      video.rgb.insert(video.rgb.end(), 3, std::uint8_t(std::lround(230 * std::exp(-squared / (2 * 6 * 6)))));
    }
  }
  return video;
}

/// Centre of brightness of the first frame [px], pixel centres at i + 0.5.
std::pair<double, double> centroid(const VideoFrames& video) {
  double sum = 0, x = 0, y = 0;
  for (int i = 0; i < video.height; ++i) {
    for (int j = 0; j < video.width; ++j) {
      const double value = video.rgb[std::size_t(i * video.width + j) * 3 + 1];
      sum += value;
      x += value * (j + 0.5);
      y += value * (i + 0.5);
    }
  }
  return {x / sum, y / sum};
}

}  // namespace

TEST_CASE("a spot comes to lie where the crop and the resize put it, half pixels included") {
  const Folder folder;
  struct Case {
    int height, width, to_height, to_width;
  };
  for (const Case& c : {Case{96, 128, 64, 64},
                        {97, 128, 64, 64},
                        {96, 131, 96, 96},
                        {96, 131, 64, 64},
                        {90, 160, 128, 128},
                        {131, 96, 48, 48},
                        {96, 96, 96, 96},
                        {98, 96, 96, 96},
                        {96, 131, 60, 80}}) {
    CAPTURE(c.height);
    CAPTURE(c.width);
    CAPTURE(c.to_height);
    const double x = 0.5 * c.width + 7.3, y = 0.5 * c.height - 5.6;
    const bool odd = c.height % 2 != 0 || c.width % 2 != 0;
    for (const char* format : {"yuv420p", "yuv444p", odd ? "yuv444p10le" : "yuv420p10le"}) {
      write_video(folder / "a.mp4", spot(c.height, c.width, x, y), {.crf = 4, .pixel_format = format});
      const auto [read_x, read_y] = centroid(VideoReader(folder / "a.mp4").read(Numbers{0}, {c.to_height, c.to_width}));
      const CropBox box = center_crop(c.height, c.width, c.to_height, c.to_width);
      CHECK(std::abs(read_x - (x - box.x) * c.to_width / box.width) < 0.03);
      CHECK(std::abs(read_y - (y - box.y) * c.to_height / box.height) < 0.03);
    }
  }
}

TEST_CASE("a read by several threads at once, with decoders of several threads, gives the frames of one") {
  const Folder folder;
  encode_to(folder / "a.mp4", waves(60, 64, 96), {.parameters = "keyint=12:bframes=3"});
  const VideoReader reader(folder / "a.mp4", {.threads = 2});
  const VideoFrames all = read_video(folder / "a.mp4");
  const VideoFrames expected = VideoReader(folder / "a.mp4").read(all_of(reader), {48, 48});
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 5; ++i) {
        const Numbers numbers = drawn(60, 7, 10 * t + i);
        const VideoFrames some = reader.read(numbers, {48, 48});
        for (int k = 0; k < 7; ++k) {
          wrong[t] += std::memcmp(some.frame(k), expected.frame(int(numbers[std::size_t(k)])), some.frame_size()) != 0;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("no frames are no pictures; the callback stops a reading and learns how far it is") {
  const Folder folder;
  encode_to(folder / "a.mp4", waves(60, 48, 64));
  const VideoReader reader(folder / "a.mp4");
  CHECK(reader.read(Numbers{}).frames == 0);
  std::int64_t calls = 0, last = 0;
  reader.read(all_of(reader), {}, [&](std::int64_t done, std::int64_t total) {
    CHECK(done >= last);
    CHECK(total == 60);
    last = done;
    return ++calls > 0;
  });
  CHECK(calls >= 3);
  CHECK_THROWS_AS(reader.read(Numbers{59}, {}, [](std::int64_t, std::int64_t) { return false; }), Interrupted);
}
#endif
