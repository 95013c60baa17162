"""What the Python tests share: the oracle, the backend under test, memory and processes."""
