"""This project measured, and beside it what people would use instead."""
