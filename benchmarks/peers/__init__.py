"""The same network on the same slide in other people's software, each in its own environment, in one run with ours."""
