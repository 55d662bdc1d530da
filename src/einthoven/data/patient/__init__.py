"""Data model: a patient, the heart, and each stage of the workflow as a frozen class."""
