"""How bytes reach the disk: whole and durable, or not at all."""
