"""Adapters to other people's programs. Each is imported by who uses it, and by nobody else."""

__all__: list[str] = []
