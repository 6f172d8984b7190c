#!/usr/bin/env python3
"""onnxproof: train a network in PyTorch, export it to ONNX, prove that it is the same.

Run from the checkout: `python cli.py COMMAND [OPTIONS]`. Each command lives in commands/ and is
loaded when it is called.
"""

import sys

from commands.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
