"""Invitations: how people come into an organization that is there already."""
