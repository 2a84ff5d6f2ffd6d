# The simulation. sim/world: the simulated Env. The rest: sim/verdict.cmake.

include(sim/verdict.cmake)
