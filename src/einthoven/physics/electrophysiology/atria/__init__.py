"""Atria in closed form: two thin shells above the base of the ventricles, and their activation."""
