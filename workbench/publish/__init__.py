"""What leaves the house: deliveries to each recipient, and what goes when its time is over."""
