"""What sending costs: prices, trial and credit, billing data, usage and invoices. Nothing else reads billing data."""
