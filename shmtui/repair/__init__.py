"""Repair of a stuck segment: plan, proof, execution."""
