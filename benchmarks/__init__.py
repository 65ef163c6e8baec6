"""Speed, and checks on material that is fetched when they run: figures for docs/results.md."""
