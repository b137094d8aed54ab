// SPDX-License-Identifier: Apache-2.0
#include <action_images/codec_io/trajectory_file.hpp>

#include <filesystem>
#include <limits>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "../codec/scenes.hpp"

using namespace action_images;

namespace {

struct TrajectoryFile {
  std::filesystem::path path = std::filesystem::temp_directory_path() / (std::to_string(::getpid()) + "trajectory.csv");
  ~TrajectoryFile() { std::filesystem::remove(path); }

  Trajectory load(std::string_view text) const {
    write_file(path, text, "test");
    return load_trajectory(path);
  }

  std::string error_of(std::string_view text) const {
    try {
      load(text);
    } catch (const FormatError& error) {
      const std::string message = error.what();
      return message.substr(message.find(".csv"));
    }
    return "";
  }
};

}  // namespace

TEST_CASE("a trajectory file keeps every number") {
  const TrajectoryFile file;
  Trajectory actions = test::random_motion(20, 3);
  actions[0].position = {0.1 + 0.2, 1e-300, -1.0 / 3.0};
  save_trajectory(actions, file.path);
  CHECK(matrix_from_trajectory(load_trajectory(file.path)) == matrix_from_trajectory(actions));
}

TEST_CASE("columns may come in any order and with others") {
  const TrajectoryFile file;
  const auto actions = file.load("frame,openness,x,y,z,ex,ey,ez,confidence\r\n0,1,2,3,4,5,6,7,0.5\r\n\r\n");
  REQUIRE(actions.size() == 1);
  CHECK(actions[0].openness == 1.0);
  CHECK(actions[0].position == Eigen::Vector3d(2, 3, 4));
  CHECK(actions[0].euler == Eigen::Vector3d(5, 6, 7));
}

TEST_CASE("rows without a header are seven numbers") {
  const TrajectoryFile file;
  const auto actions = file.load("1,2,3,4,5,6,1\n 1e-3, +2 ,3,4,5,6,0");
  REQUIRE(actions.size() == 2);
  CHECK(actions[1].position == Eigen::Vector3d(1e-3, 2, 3));
}

TEST_CASE("what is wrong is named by line and column") {
  const TrajectoryFile file;
  const std::string header = "x,y,z,ex,ey,ez,openness\n";
  CHECK(file.error_of(header + "1,2,3,4,5,6,1\n1,2,three,4,5,6,1\n") ==
        ".csv:3: z: expected a finite number, got \"three\"");
  CHECK(file.error_of(header + "1,2,3,nan,5,6,1\n") == ".csv:2: ex: expected a finite number, got \"nan\"");
  CHECK(file.error_of(header + "1,2,3\n") == ".csv:2: expected 7 fields, got 3");
  CHECK(file.error_of("x,y,ex,ey,ez,openness\n") == ".csv:1: z: expected one column of this name, got 0");
  CHECK(file.error_of("1,2,3\n") == ".csv:1: expected 7 numbers a row, or a header, got 3 fields");
  CHECK(file.error_of("") == ".csv:0: expected a trajectory, got an empty file");
}

TEST_CASE("a trajectory that is not finite is not written") {
  const TrajectoryFile file;
  Trajectory actions(1);
  actions[0].euler.x() = std::numeric_limits<double>::infinity();
  CHECK_THROWS_AS(save_trajectory(actions, file.path), ValueError);
  CHECK_FALSE(std::filesystem::exists(file.path));
}

TEST_CASE("every format is written and read again, in any order of columns") {
  const Trajectory actions = test::random_motion(30, 8);
  for (const ActionFormat format :
       {ActionFormat::euler, ActionFormat::quaternion, ActionFormat::rotation_6d, ActionFormat::matrix}) {
    for (const GripperValue gripper : {GripperValue::openness, GripperValue::closed}) {
      const Trajectory again = trajectory_from_csv(csv_from_trajectory(actions, format, gripper));
      const Trajectory expected = trajectory_from_rows(rows_from_trajectory(actions, format, gripper), format, gripper);
      CHECK(matrix_from_trajectory(again) == matrix_from_trajectory(expected));
    }
  }
  const auto turned = trajectory_from_csv("time,qw,qx,qy,qz,z,y,x,frame,closed\n0.1,0,0,1,0,3,2,1,0,0.25\n");
  REQUIRE(turned.size() == 1);
  CHECK(turned[0].position == Eigen::Vector3d(1, 2, 3));
  CHECK((rotation_from_euler(turned[0].euler).diagonal() - Eigen::Vector3d(-1, 1, -1)).norm() < 1e-12);
  CHECK(turned[0].openness == 0.75);
}

TEST_CASE("of two formats in a header the angles are read") {
  const auto actions =
      trajectory_from_csv("x,y,z,ex,ey,ez,qx,qy,qz,qw,openness,closed\n1,2,3,0.1,0.2,0.3,9,9,9,9,1,9\n");
  CHECK(actions[0].euler == Eigen::Vector3d(0.1, 0.2, 0.3));
  CHECK(actions[0].openness == 1.0);
}

TEST_CASE("what is wrong with the columns of another format is named") {
  const auto error_of = [](std::string_view text) -> std::string {
    try {
      trajectory_from_csv(text, "a.csv");
    } catch (const FormatError& error) {
      return error.what();
    }
    return "";
  };
  const std::string where = "[codec_io::load_trajectory] a.csv:";
  CHECK(error_of("x,y,z,qx,qy,qz,openness\n") == where + "1: qw: expected one column of this name, got 0");
  CHECK(error_of("x,y,z,r11,r21,r31,r12,r22,openness\n") == where + "1: r32: expected one column of this name, got 0");
  CHECK(error_of("x,y,z,qx,qy,qz,qw,openness\n0,0,0,0,0,0,2,1\n") ==
        where + "2: qx qy qz qw: expected a quaternion of norm 1 within 1e-3, got 0, 0, 0, 2");
  CHECK(error_of("x,y,z,ex,ey,ez,openness\n1,2,3,4,5,6,\xff\x01\n") ==
        where + "2: openness: expected a finite number, got \"??\"");
  CHECK(error_of(std::string(5000, ',')) == where + "1: expected at most 1024 fields, got 5001");
}
