"""What is done before a file or a model of a stranger is believed; every room may use it."""
