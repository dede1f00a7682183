"""AgentDojo replayed without a model: worlds, manifests of their tools, plans, and those who attack them."""
