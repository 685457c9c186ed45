"""Data: catalogues, outfits, features and questions, and the folder that holds them."""
