"""Experiments that settle questions of theory, each with what was measured and what follows."""
