"""What a grant's subscriber is handed: credential, schema, dictionary, samples, how-to."""
