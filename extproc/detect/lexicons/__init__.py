"""What the kinds over `detect.lexicon` know by themselves: written from public law and guidance, by hand."""
