"""Brings a bundle onto devices and makes it run there, through the user's own OpenSSH client."""
