"""Studies of one film as different streams: interlaced, at other frame rates, in bursts."""
