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
        .decode(numbers, [&](std::int64_t number, const AVFrame& frame) { decoded[number] = planes(frame); }, [] {});
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
#endif
