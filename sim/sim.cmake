# The simulation. sim/world: the simulated Env. The rest: sim/verdict.cmake.

# The libc calls of LMDB, defined by the simulation's programs. An OBJECT library: from an archive the linker would take libc's.
file(GLOB interpose_sources CONFIGURE_DEPENDS sim/interpose/*.cpp)
file(GLOB interpose_headers CONFIGURE_DEPENDS sim/interpose/*.h)
add_library(sim_interpose OBJECT EXCLUDE_FROM_ALL ${interpose_sources})
target_sources(sim_interpose PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR} FILES ${interpose_headers})
target_precompile_headers(sim_interpose REUSE_FROM vectron_pch)
target_compile_options(sim_interpose PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
target_link_libraries(sim_interpose PUBLIC core_base core_kv)

vectron_library(sim_world sim/world core_env core_kv sim_plan)

# vectron_sim_executable(TARGET): makes an existing program (or test) one that can simulate.
function(vectron_sim_executable name)
  target_link_libraries(${name} PRIVATE sim_world sim_interpose)
endfunction()

vectron_test(test_sim_world tests/sim/world lmdb)
vectron_sim_executable(test_sim_world)
target_link_libraries(test_sim_world PRIVATE conformance)

add_executable(bench_sim_world EXCLUDE_FROM_ALL tests/bench/sim_world_bench.cpp)
target_link_libraries(bench_sim_world PRIVATE lmdb)
vectron_sim_executable(bench_sim_world)

include(sim/verdict.cmake)
