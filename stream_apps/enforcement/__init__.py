"""Enforcement: nothing leaves a resource except through a view.

`kernel` holds the loops that numba compiles, `plan` what they execute; `scanner`, `routing` and
`projector` are what the rest of the program calls: check a batch once, choose rows for all views,
cut for each. The law that they keep is `schemas.policy.reference`.
"""
