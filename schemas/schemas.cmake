# The contracts (*.fbs), made into C++ by flatc and by the generator in schemas/generator.
#   schemas_messages   plain structs and their codec; knows core_base alone
#   schemas            the same, and the typed RPC stubs over core_rpc
find_program(FLATC flatc REQUIRED)
set(VECTRON_GENERATED ${CMAKE_BINARY_DIR}/generated)

file(GLOB generator_sources CONFIGURE_DEPENDS schemas/generator/*.cpp)
add_executable(schema_generator ${generator_sources})
target_include_directories(schema_generator PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(schema_generator PRIVATE fmt::fmt core_base)

# The sources that the generator writes for FOLDER/NAME.fbs; the variables MESSAGES and STUBS take their lists.
# flatc's own C++ header is made from a copy in another namespace, and without `required` and `flexbuffer`: our reader
# checks both, and can then name the field.
function(vectron_schema folder name has_service messages stubs)
  set(source ${CMAKE_SOURCE_DIR}/${folder}/${name}.fbs)
  file(GLOB siblings CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.fbs)
  set(out ${VECTRON_GENERATED}/schemas)
  set(flat ${VECTRON_GENERATED}/flat)
  set(written ${out}/${name}_messages.h ${out}/${name}_messages.cpp
      ${out}/${name}_fields.h ${out}/${name}_pack.h)
  if(name STREQUAL "vectron")  # The contract with `http` attributes.
    list(APPEND written ${out}/${name}_openapi.h ${out}/${name}_openapi.cpp)
  endif()
  set(rpc_written)
  if(has_service)
    set(rpc_written ${out}/${name}_rpc.h ${out}/${name}_rpc.cpp)
  endif()
  add_custom_command(
    OUTPUT ${written} ${rpc_written} ${flat}/${name}_generated.h
    COMMAND ${CMAKE_COMMAND} -E make_directory ${out} ${flat}/${name}
    COMMAND ${FLATC} --schema -b --bfbs-comments --bfbs-builtins --bfbs-filenames ${CMAKE_SOURCE_DIR}/${folder}
            -o ${flat}/${name} ${source}
    COMMAND schema_generator ${flat}/${name}/${name}.bfbs ${name} ${out}
    COMMAND sh ${CMAKE_SOURCE_DIR}/schemas/flat_copy.sh ${flat}/${name} ${siblings}
    COMMAND ${FLATC} --cpp --scoped-enums -o ${flat} ${flat}/${name}/${name}.fbs
    DEPENDS ${siblings} schema_generator ${CMAKE_SOURCE_DIR}/schemas/flat_copy.sh
    COMMENT "schema ${name}" VERBATIM)
  set(${messages} ${${messages}} ${written} PARENT_SCOPE)
  set(${stubs} ${${stubs}} ${rpc_written} PARENT_SCOPE)
endfunction()

foreach(name vectron worker placement raft)
  vectron_schema(schemas ${name} TRUE schema_messages schema_stubs)
endforeach()
foreach(name model storage)
  vectron_schema(schemas ${name} FALSE schema_messages schema_stubs)
endforeach()

function(vectron_generated_library name)
  add_library(${name} STATIC ${ARGN})
  target_precompile_headers(${name} REUSE_FROM vectron_pch)
  target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${VECTRON_GENERATED})
  # The generated headers are below the sources' folder, and one file set may not have both as bases.
  set(headers ${ARGN})
  list(FILTER headers INCLUDE REGEX "\\.h$")
  set(generated ${headers})
  list(FILTER headers EXCLUDE REGEX "^${VECTRON_GENERATED}/")
  list(FILTER generated INCLUDE REGEX "^${VECTRON_GENERATED}/")
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR} FILES ${headers}
    FILE_SET generated TYPE HEADERS BASE_DIRS ${VECTRON_GENERATED} FILES ${generated})
endfunction()

file(GLOB codec_sources CONFIGURE_DEPENDS schemas/*.cpp schemas/*.h)
vectron_generated_library(schemas_messages ${schema_messages} ${codec_sources})
target_link_libraries(schemas_messages PUBLIC core_base)
vectron_generated_library(schemas ${schema_stubs})
target_link_libraries(schemas PUBLIC schemas_messages core_rpc)

# The contract that only tests speak: every kind of field and of method.
vectron_schema(tests/schemas echo TRUE echo_messages echo_stubs)
vectron_generated_library(schemas_echo ${echo_messages} ${echo_stubs})
target_link_libraries(schemas_echo PUBLIC schemas)
vectron_test(test_schemas tests/schemas schemas schemas_echo)
