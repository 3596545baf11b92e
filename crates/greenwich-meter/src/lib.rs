//! What a run drew: hardware counters, the sampler, the node lease.
