# From seed to verdict: plans, histories, oracles, the simulated cluster and `vectron-sim`.
vectron_library(sim_plan sim/plan core_base)
vectron_test(test_sim_plan tests/sim/plan sim_plan)

vectron_library(sim_history sim/history sim_plan core_model)
vectron_test(test_sim_history tests/sim/history sim_history)

vectron_library(sim_oracle sim/oracle sim_history core_raft core_index schemas_messages)
vectron_test(test_sim_oracle tests/sim/oracle sim_oracle)
