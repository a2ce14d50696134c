"""What this engine promises, topic by topic, as sentences that are tried on the real engine and the real database."""
