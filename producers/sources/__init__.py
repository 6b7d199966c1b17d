"""Files as rows of a resource: CSV, JSON Lines, Avro container, Parquet; a file a format.

`source` says what a source is, `content` reads bytes, `values` maps texts to a schema's types,
`choosing` finds the format of a file. All need constant memory, whatever the file's length.
"""
