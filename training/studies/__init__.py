"""Studies of people and machines: what readings of the same cases say, and how surely."""
