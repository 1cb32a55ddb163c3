"""From a corpus to judged pairs: mining, the review queue, near-duplicates, splits, snapshots."""
