"""The warehouse: one port, its adapters, the embedded server, and the numbered migrations.

`port` says what a warehouse promises; `http` keeps it over ClickHouse's HTTP interface (`encoding`
turns values into its text forms), `native` over the native protocol (`binding` puts parameters into
the text); `opening` chooses; `migrate` brings tables up to date. `embedded_server` serves
chDB on loopback: `engine` owns the data, `judgement` says what may run in which `role`, `failure`
speaks ClickHouse's error language.
"""
