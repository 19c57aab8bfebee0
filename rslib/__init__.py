"""ResNet-RS, run again: models, training engine and recorded results behind the book."""
