"""Planted faults and sound networks, given to this project and to what people use instead."""
