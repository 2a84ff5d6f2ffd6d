# From seed to verdict: plans, histories, oracles, the simulated cluster and `vectron-sim`.
vectron_library(sim_plan sim/plan core_base)
vectron_test(test_sim_plan tests/sim/plan sim_plan)

vectron_library(sim_history sim/history sim_plan core_model)
vectron_test(test_sim_history tests/sim/history sim_history)

vectron_library(sim_oracle sim/oracle sim_history core_raft core_wal core_index schemas_messages)
vectron_test(test_sim_oracle tests/sim/oracle sim_oracle)

vectron_library(sim_cluster sim/cluster sim_oracle sim_world
  services_roster services_client)
vectron_test(test_sim_cluster tests/sim/cluster sim_cluster)

vectron_library(sim_explore sim/explore sim_cluster)
vectron_test(test_sim_explore tests/sim/explore sim_explore)

add_executable(vectron-sim sim/explore/main.cpp)
target_precompile_headers(vectron-sim REUSE_FROM vectron_pch)
target_compile_options(vectron-sim PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
target_link_libraries(vectron-sim PRIVATE sim_explore)
vectron_program_allocator(vectron-sim)
vectron_sim_executable(vectron-sim)

foreach(test test_sim_cluster test_sim_explore)
  if(TARGET ${test})
    vectron_sim_executable(${test})
  endif()
endforeach()
