"""Forms that people fill in, on paper and as workbooks, and what comes back from them."""
