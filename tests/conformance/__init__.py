"""What the engine promises, as sentences, by topic. Real PostgreSQL; real workers where the promise is about them."""
