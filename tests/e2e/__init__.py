"""The merge queue from end to end, as its requirements tell it: real hubs, real processes, a gate that tests steer."""
