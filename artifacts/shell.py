"""Commands in hints, so that they can be pasted into a shell, whatever the names in them."""

import shlex


def pasteable(command: str, *words: object) -> str:
    """Return `python cli.py COMMAND`, with the words after it quoted for POSIX shells.

    What cannot be printed, such as a line break, is written as bash's and zsh's $'...' does.
    """
    return " ".join(["python cli.py", command, *(_quoted(str(word)) for word in words)])


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    letters = (
        f"\\{letter}" if letter in "\\'" else letter if letter.isprintable() else _escape(letter)
        for letter in word
    )
    return f"$'{''.join(letters)}'"


def _escape(letter: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in letter.encode(errors="surrogateescape"))
