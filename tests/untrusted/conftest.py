from tests.https import certificate, plain, trusted, untrusted

__all__ = ["certificate", "plain", "trusted", "untrusted"]
