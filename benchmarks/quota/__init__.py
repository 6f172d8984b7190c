"""Sessions in a container that may use less CPU than it sees."""
