"""From scored slides with truth to a policy that may exclude: cases, proof, certificate, and what it says in words."""
