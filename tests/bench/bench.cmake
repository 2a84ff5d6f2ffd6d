# Benches: built only when asked for (./dev build release bench_index bench_hnswlib).

add_executable(bench_index EXCLUDE_FROM_ALL tests/bench/index_bench.cpp)
target_link_libraries(bench_index PRIVATE core_index z Threads::Threads)

# The yardstick is what a user of plain hnswlib would run: the system's g++ with every instruction of this machine.
find_program(VECTRON_GXX g++)
if(VECTRON_GXX)
  add_custom_command(
    OUTPUT ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/bench_hnswlib
    COMMAND ${VECTRON_GXX} -std=c++20 -O3 -march=native -w -I${CMAKE_SOURCE_DIR} -pthread
            -o ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/bench_hnswlib ${CMAKE_SOURCE_DIR}/tests/bench/hnswlib_baseline.cpp -lz
    DEPENDS tests/bench/hnswlib_baseline.cpp tests/bench/fashion_mnist.h)
  add_custom_target(bench_hnswlib DEPENDS ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/bench_hnswlib)
endif()

add_executable(bench_net EXCLUDE_FROM_ALL tests/bench/net_bench.cpp)
target_link_libraries(bench_net PRIVATE net)

add_executable(bench_rpc EXCLUDE_FROM_ALL tests/bench/rpc_bench.cpp)
target_link_libraries(bench_rpc PRIVATE net schemas)

add_executable(bench_gateway EXCLUDE_FROM_ALL tests/bench/gateway_bench.cpp)
target_link_libraries(bench_gateway PRIVATE services_gateway test_support net benchmark)

add_executable(bench_storage EXCLUDE_FROM_ALL tests/bench/storage_bench.cpp)
target_link_libraries(bench_storage PRIVATE net core_wal core_kv)

# The suite behind `./dev bench`: it starts vectron, vectron-sim and bench_hnswlib, which lie beside it.
file(GLOB bench_suite_sources CONFIGURE_DEPENDS tests/bench/suite/*.cpp)
add_executable(vectron-bench EXCLUDE_FROM_ALL ${bench_suite_sources})
target_precompile_headers(vectron-bench REUSE_FROM vectron_pch)
target_compile_options(vectron-bench PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
target_link_libraries(vectron-bench PRIVATE services_demo)
add_custom_target(bench)
add_dependencies(bench vectron-bench vectron vectron-sim)
if(TARGET bench_hnswlib)
  add_dependencies(bench bench_hnswlib)
endif()
vectron_test(test_bench_suite tests/bench/suite_test core_base)
if(TARGET test_bench_suite)
  target_sources(test_bench_suite PRIVATE tests/bench/suite/calibration.cpp tests/bench/suite/report.cpp)
endif()
