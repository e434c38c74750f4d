# cmake -DOUTPUT=… -DFILES="…;…" -P embed.cmake: writes the steps as C++, in the order of FILES.
set(steps "")
set(number 0)
foreach(file ${FILES})
  math(EXPR number "${number} + 1")
  get_filename_component(name ${file} NAME_WE)
  string(REGEX MATCH "^0*([0-9]+)_" _ ${name})
  if(NOT CMAKE_MATCH_1 EQUAL number)
    message(FATAL_ERROR "${file}: step ${number} is expected here")
  endif()
  file(READ ${file} sql)
  string(APPEND steps "    {${number}, \"${name}\", R\"sql(${sql})sql\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"store/pg/migrate.h\"

namespace parley {

std::span<const MigrationStep> schema_steps() {
  static constexpr MigrationStep steps[] = {
${steps}  };
  return steps;
}

}  // namespace parley
")
