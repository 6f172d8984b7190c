"""The proof: accuracy, parity, latency, where it ran, and the verdict on all of them."""
