"""The model that comes with the library, and its application to a patient in one call."""
