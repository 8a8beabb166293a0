"""The live examination measured: delays, kills, memory, neighbours."""
