# The functions with which each folder declares what it builds. DEPS mirror "who may include whom"
# (README), which tests/tidy.py checks against the #include lines.

add_library(parley_flags INTERFACE)
target_compile_features(parley_flags INTERFACE cxx_std_20)
target_compile_options(parley_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Werror
  -fstack-protector-strong -fno-omit-frame-pointer)
target_include_directories(parley_flags INTERFACE ${CMAKE_SOURCE_DIR})

# parley_library(NAME SRCS … DEPS … [PCH header …])
function(parley_library name)
  cmake_parse_arguments(arg "" "" "SRCS;DEPS;PCH" ${ARGN})
  add_library(${name} STATIC ${arg_SRCS})
  target_link_libraries(${name} PUBLIC parley_flags ${arg_DEPS})
  if(arg_PCH)
    target_precompile_headers(${name} PRIVATE ${arg_PCH})
  endif()
endfunction()

# parley_process(NAME SRCS … DEPS …): a program, in build/<preset>/bin.
function(parley_process name)
  cmake_parse_arguments(arg "" "" "SRCS;DEPS" ${ARGN})
  add_executable(${name} ${arg_SRCS})
  target_link_libraries(${name} PRIVATE parley_flags ${arg_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# parley_test(NAME SRCS … DEPS … [LABEL unit|integration|e2e|fault] [SECONDS n]): a GoogleTest program,
# one ctest each; it must end within SECONDS (60), times PARLEY_TEST_SLOWNESS (tests/support/eventually.h).
set(PARLEY_TEST_SLOWNESS 1 CACHE STRING "How much longer things may take in this build")
function(parley_test name)
  cmake_parse_arguments(arg "" "LABEL;SECONDS" "SRCS;DEPS" ${ARGN})
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  if(NOT arg_SECONDS)
    set(arg_SECONDS 60)
  endif()
  math(EXPR arg_SECONDS "${arg_SECONDS} * ${PARLEY_TEST_SLOWNESS}")
  add_executable(${name} ${arg_SRCS})
  target_link_libraries(${name} PRIVATE parley_flags ${arg_DEPS} GTest::gmock)
  target_precompile_headers(${name} REUSE_FROM test_support)
  target_link_libraries(${name} PRIVATE test_support)
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES
    LABELS ${arg_LABEL} TIMEOUT ${arg_SECONDS}
    ENVIRONMENT "PARLEY_TEST_BIN=${CMAKE_BINARY_DIR}/bin;PARLEY_TEST_SOURCE=${CMAKE_SOURCE_DIR};\
PARLEY_TEST_SLOWNESS=${PARLEY_TEST_SLOWNESS}")
endfunction()

# without_regex_warning(FILE …): GCC 12 with the address sanitizer takes <regex> for a use of what was not initialised.
function(without_regex_warning)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -Wno-maybe-uninitialized)
endfunction()
