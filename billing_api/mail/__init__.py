"""The outbox: mails that are sent once the fact that they tell of is committed."""
