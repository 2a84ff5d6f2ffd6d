# From seed to verdict: plans, histories, oracles, the simulated cluster and `vectron-sim`.
vectron_library(sim_plan sim/plan core_base)
vectron_test(test_sim_plan tests/sim/plan sim_plan)
