"""What a run can be told: fields with defaults, meanings and limits, and what goes together."""
