"""From a snapshot of judgements to a tuned model: configuration, data set, batches, training, the run."""
