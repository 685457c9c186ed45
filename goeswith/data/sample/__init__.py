"""The generated sample: a made-up wardrobe with pictures, outfits worn from it, and the taste that is true in it."""
