"""Provider side: publisher and its sources, and the commands of providers."""
