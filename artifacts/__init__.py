"""The typed records that cross rooms, and how they reach the disk."""
