"""Enforcement: nothing leaves a resource except through a view.

`kernel` holds the loops that numba compiles, `plan` what they execute, `compiler` makes a plan from
a schema, `projection` is what the rest of the program calls. The law that they keep is
`schemas.policy.reference`.
"""
