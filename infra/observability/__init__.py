"""What each process tells about itself: metrics for Prometheus, and `sharebus status`."""
