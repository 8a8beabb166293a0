"""Studies of what the proofs of the operating point are worth."""
