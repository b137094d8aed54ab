// SPDX-License-Identifier: Apache-2.0
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/error.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <action_images/core/check.hpp>

/// Owners of FFmpeg's objects. Private to the video layer.

namespace action_images::ffmpeg {

struct Free {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(AVCodecParameters* parameters) const { avcodec_parameters_free(&parameters); }
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
  void operator()(AVIOContext* io) const {
    av_freep(&io->buffer);
    avio_context_free(&io);
  }
};

template <typename T>
using Owned = std::unique_ptr<T, Free>;

/// Takes what FFmpeg allocated. @throws std::bad_alloc on null.
template <typename T>
Owned<T> own(T* pointer) {
  if (pointer == nullptr) throw std::bad_alloc();
  return Owned<T>(pointer);
}

/// Options of a codec or a format: name -> text; freed with the object.
class Dictionary {
 public:
  Dictionary() = default;
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  ~Dictionary() { av_dict_free(&entries_); }
  void set(const char* name, const std::string& value) { av_dict_set(&entries_, name, value.c_str(), 0); }
  AVDictionary** address() { return &entries_; }

 private:
  AVDictionary* entries_ = nullptr;
};

inline std::string error_text(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

/// The FormatError of the whole layer: names the file.
[[noreturn]] inline void fail(std::string_view where, const std::filesystem::path& path, std::string_view expected,
                              std::string_view got) {
  throw FormatError(expected_text(where, path.string(), expected, got));
}

/// Silences FFmpeg's own messages (errors are thrown instead) while at least one of these lives, then puts the
/// program's log level back.
class Quiet {
 public:
  Quiet() {
    const std::lock_guard lock(mutex_);
    if (holders_++ == 0) {
      level_ = av_log_get_level();
      av_log_set_level(AV_LOG_QUIET);
    }
  }
  ~Quiet() {
    const std::lock_guard lock(mutex_);
    if (--holders_ == 0) av_log_set_level(level_);
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  inline static std::mutex mutex_;
  inline static int holders_ = 0;
  inline static int level_ = AV_LOG_INFO;
};

}  // namespace action_images::ffmpeg
