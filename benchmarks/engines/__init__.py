"""Engines that run the same exported networks, side by side: `python -m benchmarks.engines`."""
