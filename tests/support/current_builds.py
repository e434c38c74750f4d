"""Scripts that start a program of the release build never start an old one.

Each is copied into a small tree of its own whose "programs" are files that the build copies.
"""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = {"tests/sim/run": "parley-sim", "perf/bench": "parley-bench"}

CMAKE = """
cmake_minimum_required(VERSION 3.20)
project(tiny LANGUAGES NONE)
foreach(program parley-sim parley-sim-bug parley-bench)
  add_custom_command(OUTPUT ${program}.built DEPENDS program.sh
    COMMAND sh -n ${CMAKE_SOURCE_DIR}/program.sh
    COMMAND install -D ${CMAKE_SOURCE_DIR}/program.sh bin/${program}
    COMMAND touch ${program}.built)
  add_custom_target(${program} DEPENDS ${program}.built)
endforeach()
"""
PRESETS = """{
  "version": 3,
  "configurePresets": [
    {"name": "release", "generator": "Ninja", "binaryDir": "${sourceDir}/build/release"}],
  "buildPresets": [{"name": "release", "configurePreset": "release"}]
}"""


class CurrentBuilds(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.tree = pathlib.Path(directory.name)
        for name in [*SCRIPTS, "etc/setup.sh"]:
            copy = self.tree / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SOURCE / name, copy)
        (self.tree / "CMakeLists.txt").write_text(CMAKE)
        (self.tree / "CMakePresets.json").write_text(PRESETS)

    def write_program(self, line):
        program = self.tree / "program.sh"
        program.write_text("#!/bin/sh\n" + line + "\n")
        program.chmod(0o755)

    def run_script(self, name, *arguments):
        return subprocess.run([self.tree / name, *arguments], cwd="/", text=True,
                              capture_output=True, timeout=20)

    def test_the_first_run_builds_and_each_later_one_has_what_changed_since(self):
        for name in SCRIPTS:
            for text in ["first", "second"]:
                self.write_program("echo " + text)
                ran = self.run_script(name)
                self.assertEqual((ran.returncode, ran.stdout), (0, text + "\n"), ran.stderr)

    def test_says_nothing_of_a_build_that_succeeds(self):
        for name in SCRIPTS:
            self.write_program("exit 0")
            self.assertEqual(self.run_script(name).stderr, "")

    def test_what_cannot_be_built_is_told_and_not_started(self):
        for name, program in SCRIPTS.items():
            self.write_program("echo old")
            self.run_script(name)
            self.write_program("echo new; if")
            ran = self.run_script(name)
            self.assertEqual((ran.returncode, ran.stdout), (1, ""))
            self.assertIn("Syntax error", ran.stderr)
            self.assertIn("cannot build release " + program, ran.stderr)

    def test_passes_arguments_and_the_outcome_on(self):
        for name in SCRIPTS:
            self.write_program('echo "$@"; exit 3')
            ran = self.run_script(name, "--seeds", "5")
            self.assertEqual(ran.returncode, 3)
            self.assertTrue(ran.stdout.endswith("--seeds 5\n"), ran.stdout)

    def test_a_plant_is_a_program_of_its_own(self):
        self.write_program('echo "$0 $@"')
        ran = self.run_script("tests/sim/run", "--plant", "bug", "--from", "7")
        self.assertIn("bin/parley-sim-bug --command tests/sim/run --plant bug --from 7", ran.stdout)


if __name__ == "__main__":
    unittest.main()
