"""What is made to do harm: segments, control blocks, and a machine that has nothing left."""
