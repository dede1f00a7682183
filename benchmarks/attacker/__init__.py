"""What an attacker who knows the guard does, whatever the tools: shared by the benchmark of actions and the suite."""
