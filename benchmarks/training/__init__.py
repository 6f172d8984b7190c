"""An epoch of training, beside what people use instead; each contender a process of its own."""
