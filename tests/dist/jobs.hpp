// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/// Jobs of several real processes for tests: a program started once per rank, with the environment that torchrun gives.
namespace action_images::testing {

namespace fs = std::filesystem;

/// A folder that goes with the test.
struct Folder {
  fs::path path;
  explicit Folder(const std::string& name)
      : path(fs::temp_directory_path() / ("action_images_" + name + "_" + std::to_string(::getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
};

/// A port of this machine that nobody listens on.
inline int free_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(descriptor, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no free port");
  }
  ::close(descriptor);
  return ntohs(address.sin_port);
}

class Job {
 public:
  /// Starts `processes` of `program arguments...`; what they print goes to files in `folder`.
  Job(int processes, const std::string& program, const std::vector<std::string>& arguments, const fs::path& folder)
      : folder_(folder) {
    const std::string port = std::to_string(free_port());
    for (int rank = 0; rank < processes; ++rank) {
      const std::vector<std::string> environment{"RANK=" + std::to_string(rank),
                                                 "WORLD_SIZE=" + std::to_string(processes),
                                                 "MASTER_ADDR=127.0.0.1",
                                                 "MASTER_PORT=" + port,
                                                 "OMP_NUM_THREADS=1",
                                                 "GLOO_SOCKET_IFNAME=lo"};
      pids_.push_back(start(program, arguments, environment, output(rank)));
    }
    statuses_.assign(pids_.size(), 0);
    running_.assign(pids_.size(), true);
  }
  ~Job() {
    for (std::size_t rank = 0; rank < pids_.size(); ++rank) {
      if (!running_[rank]) continue;
      ::kill(pids_[rank], SIGKILL);
      ::waitpid(pids_[rank], nullptr, 0);
    }
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  void signal(int rank, int number) const { ::kill(pids_[static_cast<std::size_t>(rank)], number); }

  /// Waits until a rank has printed a text.
  bool printed(int rank, const std::string& text, double seconds = 60) const {
    return within(seconds, [&] { return all_output(rank).find(text) != std::string::npos; });
  }

  /// Waits for a rank to end; its exit code, 128 + the signal that ended it, or -1 if it still runs then.
  int wait(int rank, double seconds = 120) {
    const auto index = static_cast<std::size_t>(rank);
    within(seconds, [&] {
      if (running_[index] && ::waitpid(pids_[index], &statuses_[index], WNOHANG) != 0) running_[index] = false;
      return !running_[index];
    });
    if (running_[index]) return -1;
    const int status = statuses_[index];
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  std::string all_output(int rank) const {
    std::ifstream stream(output(rank));
    return {std::istreambuf_iterator<char>(stream), {}};
  }

 private:
  static pid_t start(const std::string& program, const std::vector<std::string>& arguments,
                     const std::vector<std::string>& environment, const fs::path& output) {
    std::vector<std::string> words{program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> variables = environment;
    for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> result;
      for (std::string& text : texts) result.push_back(text.data());
      result.push_back(nullptr);
      return result;
    };
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t pid = 0;
    const int error =
        ::posix_spawn(&pid, program.c_str(), &actions, nullptr, pointers(words).data(), pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error("cannot start " + program);
    return pid;
  }

  static bool within(double seconds, const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }

  fs::path output(int rank) const { return folder_ / ("rank-" + std::to_string(rank) + ".log"); }

  fs::path folder_;
  std::vector<pid_t> pids_;
  std::vector<int> statuses_;
  std::vector<bool> running_;
};

}  // namespace action_images::testing
