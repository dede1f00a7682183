"""What the product does in the world: proposals, what may run by itself, approvals, execution."""
