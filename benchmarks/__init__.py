"""What the workbench costs, side by side in one run (``python -m benchmarks``)."""
