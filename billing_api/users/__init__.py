"""The people of an organization: who they are, what their roles let them do, and how they leave."""
