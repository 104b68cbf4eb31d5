"""A device that configures itself, without a supervisor: in a container of containerlab, in a pod, in any namespace.

`python -m lab.alone PLAN` is one, and beside it `... healthy` and `... tables` tell of it. This package and its
`asking` import nothing of the lab: a health check has to cost little.
"""
