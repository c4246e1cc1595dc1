"""Control of unmodified programs: they run one at a time, and their order is chosen, told and repeated."""
