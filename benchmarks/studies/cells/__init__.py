"""How well single steps of triage see cells, against people and labels."""
