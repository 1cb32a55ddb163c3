"""Long work outside the web process: the queue, the worker, the child that does one run, the warm encoder."""
