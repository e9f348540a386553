"""Many reports at once: workers that share what was loaded, batches that go on where they stopped, a cluster."""
