# libFuzzer targets, one for each thing that parses bytes from outside: `./dev build fuzz fuzz_frame`, then
# `build/fuzz/bin/fuzz_frame -max_total_time=60`. Each is fuzz/<what>_fuzz.cpp and links the library that it feeds.
# In every other build they are compiled with the tests and not linked, so that they keep up with what they feed.
function(vectron_fuzz what)
  if(NOT VECTRON_FUZZ)
    add_library(fuzz_${what} OBJECT ${CMAKE_SOURCE_DIR}/fuzz/${what}_fuzz.cpp)
    target_link_libraries(fuzz_${what} PRIVATE ${ARGN})
    target_include_directories(fuzz_${what} PRIVATE ${CMAKE_SOURCE_DIR})
    add_dependencies(tests fuzz_${what})
    return()
  endif()
  add_executable(fuzz_${what} ${CMAKE_SOURCE_DIR}/fuzz/${what}_fuzz.cpp)
  target_include_directories(fuzz_${what} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(fuzz_${what} PRIVATE ${ARGN})
  # Coverage of the libraries comes with the preset (fuzzer-no-link); this is the program's entry.
  target_link_options(fuzz_${what} PRIVATE -fsanitize=fuzzer)
endfunction()

vectron_fuzz(frame core_rpc)
vectron_fuzz(message schemas)
vectron_fuzz(wal core_wal)
vectron_fuzz(checkpoint services_worker)
vectron_fuzz(http core_http)
vectron_fuzz(http_json services_gateway)
vectron_fuzz(roles sim_cluster)
if(VECTRON_FUZZ)
  vectron_sim_executable(fuzz_roles)
endif()
