"""What every inverse method gets and gives, and the names of all methods."""
