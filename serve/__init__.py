"""The model behind HTTP: requests to batches to answers, and a page to draw a digit on."""
