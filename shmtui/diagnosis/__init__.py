"""What a history of snapshots proves: findings, their evidence and certainty."""
