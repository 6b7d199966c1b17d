"""Where a view's changes can go, one file a target, all behind `port.Target`."""
